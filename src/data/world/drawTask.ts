// The task "draw": words, then the picture that they mean. What is not said has one canonical choice (size big; one
// object in the center; left of: the two sides of the middle row; above: top and bottom of the middle column), so
// that one prompt has one picture and the loss of a model can reach zero.
import type { Rng } from '../../util/index.ts'
import { renderScene } from './render.ts'
import { cells, inReadingOrder, opposite, randomScene, relations, sceneSignature } from './scene.ts'
import type { Cell, Relation, Scene, SceneObject } from './scene.ts'
import { nounPhrase } from './sceneTask.ts'
import { ask, pick, type Task } from './types.ts'
import type { Wanted } from './wanted.ts'

interface DrawPlan {
  kind: string
  prompt: string
  scene: Scene
  wanted: Wanted
}

/** A random object whose size may go unsaid; then it is big. */
interface Named {
  object: SceneObject
  saysSize: boolean
}

function nameOf({ object, saysSize }: Named): string {
  return nounPhrase({ ...object, size: saysSize ? object.size : undefined })
}

function want({ object: { color, shape, size }, saysSize }: Named): Wanted['objects'][number] {
  return saysSize ? { color, shape, size } : { color, shape }
}

function randomNamed(rng: Rng, count: number): Named[] {
  return rng.shuffle(randomScene(rng, count)).map((object) => {
    const saysSize = rng.integer(2) === 0
    return { object: saysSize ? object : { ...object, size: 'big' }, saysSize }
  })
}

function single(rng: Rng): DrawPlan {
  const [named] = randomNamed(rng, 1)
  const saysPlace = rng.integer(3) > 0
  const cell = saysPlace ? pick(cells, rng) : 'center'
  return {
    kind: saysPlace ? 'place' : 'object',
    prompt: `draw ${nameOf(named)}${saysPlace ? ` at the ${cell}` : ''}`,
    scene: [{ ...named.object, cell }],
    wanted: { objects: [saysPlace ? { ...want(named), cell } : want(named)] },
  }
}

/** Where the first and the second object of a relation are drawn. */
function placesFor(relation: Relation): [Cell, Cell] {
  if (relation === 'left of') return ['left', 'right']
  if (relation === 'above') return ['top', 'bottom']
  const [second, first] = placesFor(opposite(relation))
  return [first, second]
}

function pair(rng: Rng): DrawPlan {
  const named = randomNamed(rng, 2)
  const relation = pick(relations, rng)
  const places = placesFor(relation)
  return {
    kind: relation,
    prompt: `draw ${nameOf(named[0])} ${relation} ${nameOf(named[1])}`,
    scene: inReadingOrder(named.map(({ object }, i) => ({ ...object, cell: places[i] }))),
    wanted: { objects: named.map(want), relations: [{ a: 0, relation, b: 1 }] },
  }
}

export const drawTask: Task<DrawPlan> = {
  plan: (rng) => (rng.integer(3) === 0 ? single(rng) : pair(rng)),
  // by picture and not by prompt: "a left of b" and "b right of a" are one content
  signature: ({ scene }) => sceneSignature(scene),
  document: ({ prompt, scene }) => [ask(prompt), { picture: renderScene(scene), target: true }],
  questions: ({ kind, prompt, scene, wanted }) => [
    { kind, prompt: [ask(prompt)], answer: '', truth: { wanted, picture: renderScene(scene) } },
  ],
}
