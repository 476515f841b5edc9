// The task "scene": a picture, its one canonical caption, and questions that have one right answer.
import type { Rng } from '../../util/index.ts'
import type { MediaPart } from '../mediaPart.ts'
import { jitterScene, renderScene } from './render.ts'
import {
  colors,
  columnOf,
  holds,
  randomScene,
  relations,
  sceneSignature,
  shapes,
  type Scene,
  type SceneObject,
} from './scene.ts'
import { answer, ask, pick, type Task } from './types.ts'

/** A question and its answer, without newlines. */
export interface Asked {
  kind: string
  question: string
  answer: string
}

/** `a red circle`, `a big red circle`. */
export function nounPhrase({ size, color, shape }: { size?: string; color: string; shape: string }): string {
  return size === undefined ? `a ${color} ${shape}` : `a ${size} ${color} ${shape}`
}

/** The caption of a scene of one to three objects: one text for each scene, which does not depend on jitter. */
export function captionOf(scene: Scene): string {
  if (scene.length === 1) return `${nounPhrase(scene[0])} at the ${scene[0].cell}`
  if (scene.length === 2) {
    const [first, second] = scene
    if (columnOf(first.cell) === columnOf(second.cell)) return `${nounPhrase(first)} above ${nounPhrase(second)}`
    const [left, right] = columnOf(first.cell) < columnOf(second.cell) ? [first, second] : [second, first]
    return `${nounPhrase(left)} left of ${nounPhrase(right)}`
  }
  const [first, second, third] = scene.map(nounPhrase)
  return `${first}, ${second} and ${third}`
}

/** Some words that mean one object of the scene: `circle` if there is one circle only, or `red circle`. */
export function refer(object: SceneObject, scene: Scene, rng: Rng): string {
  const alone = scene.filter(({ shape }) => shape === object.shape).length === 1
  return alone && rng.integer(2) === 0 ? object.shape : `${object.color} ${object.shape}`
}

/** One question of each kind that the scene allows; yes and no are equally likely. */
export function sceneQuestions(scene: Scene, rng: Rng): Asked[] {
  const kinds = [askColor, askShape, askCount, askColorCount, askPlace, askSize, askPresence, askRelation, askNeighbor]
  return kinds.flatMap((kind) => kind(scene, rng) ?? [])
}

type Asker = (scene: Scene, rng: Rng) => Asked | undefined

const askColor: Asker = (scene, rng) => {
  const alone = scene.filter((a) => scene.every((b) => a === b || a.shape !== b.shape))
  if (alone.length === 0) return undefined
  const { shape, color } = pick(alone, rng)
  const question = pick([`what color is the ${shape}?`, `which color does the ${shape} have?`], rng)
  return { kind: 'color', question, answer: color }
}

const askShape: Asker = (scene, rng) => {
  const alone = scene.filter((a) => scene.every((b) => a === b || a.color !== b.color))
  if (alone.length === 0) return undefined
  const { shape, color } = pick(alone, rng)
  const question = pick([`what shape is ${color}?`, `which shape is the ${color} object?`], rng)
  return { kind: 'shape', question, answer: shape }
}

const askCount: Asker = (scene, rng) => ({
  kind: 'count',
  question: pick(['how many objects are there?', 'how many objects do you see?'], rng),
  answer: `${scene.length}`,
})

const askColorCount: Asker = (scene, rng) => {
  const color = rng.integer(3) === 0 ? pick(colors, rng) : pick(scene, rng).color
  const question = pick([`how many ${color} objects are there?`, `how many objects are ${color}?`], rng)
  return { kind: 'color count', question, answer: `${scene.filter((object) => object.color === color).length}` }
}

const askPlace: Asker = (scene, rng) => {
  const object = pick(scene, rng)
  const name = refer(object, scene, rng)
  return {
    kind: 'place',
    question: pick([`where is the ${name}?`, `where do you see the ${name}?`], rng),
    answer: object.cell,
  }
}

const askSize: Asker = (scene, rng) => {
  const object = pick(scene, rng)
  const name = refer(object, scene, rng)
  return {
    kind: 'size',
    question: pick([`how big is the ${name}?`, `what size is the ${name}?`], rng),
    answer: object.size,
  }
}

const askPresence: Asker = (scene, rng) => {
  const isThere = rng.integer(2) === 0
  let { color, shape } = pick(scene, rng)
  // an absent object is most often a present one with another colour or shape: a word alone does not give it away
  while (!isThere && scene.some((object) => object.color === color && object.shape === shape)) {
    if (rng.integer(2) === 0) color = pick(colors, rng)
    else shape = pick(shapes, rng)
  }
  const question = pick([`is there a ${color} ${shape}?`, `do you see a ${color} ${shape}?`], rng)
  return { kind: 'presence', question, answer: isThere ? 'yes' : 'no' }
}

const askRelation: Asker = (scene, rng) => {
  if (scene.length < 2) return undefined
  const [a, b] = rng.shuffle([...scene])
  const isTrue = rng.integer(2) === 0
  const relation = pick(
    relations.filter((relation) => holds(a, relation, b) === isTrue),
    rng,
  )
  const [first, second] = [refer(a, scene, rng), refer(b, scene, rng)]
  return { kind: 'relation', question: `is the ${first} ${relation} the ${second}?`, answer: isTrue ? 'yes' : 'no' }
}

const askNeighbor: Asker = (scene, rng) => {
  if (scene.length !== 2) return undefined
  const [a, b] = rng.shuffle([...scene])
  const relation = pick(
    relations.filter((relation) => holds(a, relation, b)),
    rng,
  )
  const name = refer(b, scene, rng)
  const question = pick([`what is ${relation} the ${name}?`, `what do you see ${relation} the ${name}?`], rng)
  return { kind: 'neighbor', question, answer: nounPhrase({ color: a.color, shape: a.shape }) }
}

const questionsPerDocument = 4

export const sceneTask: Task<Scene> = {
  plan: (rng) => randomScene(rng, pick([1, 2, 2, 3], rng)),
  signature: sceneSignature,
  document(plan, rng) {
    const turns = rng.shuffle(sceneQuestions(plan, rng)).slice(0, questionsPerDocument)
    const caption: Asked = { kind: 'caption', question: 'describe', answer: captionOf(plan) }
    // every kind of turn must come first at times: later ones could be answered from the text before them
    turns.splice(rng.integer(2) === 0 ? 0 : rng.integer(turns.length + 1), 0, caption)
    const parts: MediaPart[] = [{ picture: renderScene(jitterScene(plan, rng)) }]
    for (const turn of turns) parts.push(ask(turn.question), answer(turn.answer))
    return parts
  },
  questions(plan, rng) {
    const scene = jitterScene(plan, rng)
    const picture = renderScene(scene)
    const asked = [{ kind: 'caption', question: 'describe', answer: captionOf(plan) }, ...sceneQuestions(plan, rng)]
    return asked.map(({ kind, question, answer }) => ({
      kind,
      prompt: [{ picture }, ask(question)],
      answer: `${answer}\n`,
      truth: { scene },
    }))
  },
}
