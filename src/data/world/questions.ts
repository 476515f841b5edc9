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

/** Turns that an eval asks of a scene, each on its own. */
const mostTurns = 3
/** Share of an eval's scenes with the caption among them. */
const captionShare = 0.7
/** Questions of a training document before its description, and the share of documents with the description alone. */
const questionsBefore = 2
const descriptionAlone = 0.5
/** Share of the questions of a kind that training keeps; these two are learnt long before the others. */
const kept: Record<string, number> = { shape: 0.4, count: 0.4 }

/** A picture, its caption and questions about it. */
export function makeScene(rng: Rng, { test }: { test: boolean }): WorldItem {
  const scene = randomScene(rng, draw(rng, [1, 2, 2, 3]))
  const questions = rng.shuffle(questionsOf(scene, rng))
  const told = turn('caption', 'describe', caption(scene))
  const listed = turn('list', 'list the shapes', byShape(scene))
  return {
    signature: signatureOf(scene),
    media: [{ picture: renderScene(scene, rng) }],
    turns: test
      ? askedTurns(told, rng.shuffle([...questions, listed]), rng)
      : learntTurns([told, listed], questions, rng),
    truth: scene,
  }
}

/** Descriptions come last: after one, questions would be answered from its words and not from the picture. */
function learntTurns(descriptions: WorldTurn[], questions: WorldTurn[], rng: Rng): WorldTurn[] {
  const last = draw(rng, descriptions)
  if (rng.uniform() < descriptionAlone) return [last]
  const chosen = questions.filter(({ kind }) => rng.uniform() < (kept[kind] ?? 1))
  return [...chosen.slice(0, questionsBefore), last]
}

/** `circle red left big, cross white top small`: by name, so that each shape has to be found wherever it is. */
function byShape(scene: Scene): string {
  const sorted = [...scene].sort((a, b) => shapeNames.indexOf(a.shape) - shapeNames.indexOf(b.shape))
  return sorted.map(({ shape, color, cell, size }) => `${shape} ${color} ${cellNames[cell]} ${size}`).join(', ')
}

function askedTurns(told: WorldTurn, questions: WorldTurn[], rng: Rng): WorldTurn[] {
  const all = rng.uniform() < captionShare ? [told, ...questions] : questions
  return rng.shuffle(all.slice(0, mostTurns))
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
