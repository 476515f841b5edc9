// Questions about scenes, each with one right answer; those that a scene leaves ambiguous are not asked.
import type { Rng } from '../../util/index.ts'
import { draw } from './random.ts'
import { colorNames, shapeNames } from './render.ts'
import {
  caption,
  cellNames,
  randomScene,
  type Relation,
  relationNames,
  relations,
  renderScene,
  type Scene,
  type SceneObject,
  signatureOf,
} from './scene.ts'
import type { WorldItem, WorldTurn } from './types.ts'

/** Turns of a document. Few, since only the first is answered from the picture alone, as an eval asks: later ones may lean on it. */
const mostTurns = 3
/** Share of documents with the caption among them. */
const captionShare = 0.7

/** A picture, its caption and questions about it. */
export function makeScene(rng: Rng): WorldItem {
  const scene = randomScene(rng, draw(rng, [1, 2, 2, 3]))
  const questions = rng.shuffle(questionsOf(scene, rng))
  const asked = rng.uniform() < captionShare ? [turn('caption', 'describe', caption(scene)), ...questions] : questions
  return {
    signature: signatureOf(scene),
    media: [{ picture: renderScene(scene, rng) }],
    turns: rng.shuffle(asked.slice(0, mostTurns)),
    truth: scene,
  }
}

export function turn(kind: string, question: string, answer: string): WorldTurn {
  return { kind, question: `${question}\n`, answer: { text: `${answer}\n` } }
}

/** Every question that the scene answers, in one wording each: words are what a short run has least time for. */
export function questionsOf(scene: Scene, rng: Rng): WorldTurn[] {
  const turns: WorldTurn[] = []
  for (const { shape, color, cell, size } of uniqueBy(scene, 'shape')) {
    turns.push(
      turn('color', `what color is the ${shape}?`, color),
      turn('where', `where is the ${shape}?`, cellNames[cell]),
      turn('size', `how big is the ${shape}?`, size),
    )
  }
  for (const { shape, color } of uniqueBy(scene, 'color')) {
    turns.push(turn('shape', `what shape is ${color}?`, shape))
  }
  turns.push(turn('count', 'how many objects?', String(scene.length)))
  turns.push(presence(scene, rng), ...relationTurns(scene, rng))
  return turns
}

/** Objects that are alone with their shape or colour. */
export function uniqueBy(scene: Scene, field: 'shape' | 'color'): SceneObject[] {
  return scene.filter((object) => scene.filter((other) => other[field] === object[field]).length === 1)
}

function presence(scene: Scene, rng: Rng): WorldTurn {
  const { color, shape } =
    rng.uniform() < 0.5 ? draw(rng, scene) : { color: draw(rng, colorNames), shape: draw(rng, shapeNames) }
  const there = scene.some((object) => object.color === color && object.shape === shape)
  return turn('presence', `is there a ${color} ${shape}?`, there ? 'yes' : 'no')
}

function relationTurns(scene: Scene, rng: Rng): WorldTurn[] {
  const unique = rng.shuffle(uniqueBy(scene, 'shape'))
  if (unique.length < 2) return []
  const [a, b] = unique
  const holds = relationNames.filter((name) => relations[name](a, b))
  const fails = relationNames.filter((name) => !relations[name](a, b))
  const name: Relation = draw(rng, rng.uniform() < 0.5 ? holds : fails)
  const yesNo = turn('relation', `is the ${a.shape} ${name} the ${b.shape}?`, relations[name](a, b) ? 'yes' : 'no')
  if (scene.length !== 2) return [yesNo]
  const other = draw(rng, holds)
  return [yesNo, turn('related', `what is ${other} the ${b.shape}?`, `a ${a.color} ${a.shape}`)]
}
