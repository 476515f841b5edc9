// Drawing and editing: a prompt, and the picture that fits it. Drawn pictures have no jitter: one right picture a prompt.
import type { Rng } from '../../util/index.ts'
import { draw } from './random.ts'
import { uniqueBy } from './questions.ts'
import { colorNames, shapeNames } from './render.ts'
import {
  cellNames,
  column,
  inOrder,
  randomObject,
  randomScene,
  type Relation,
  relationNames,
  renderScene,
  row,
  type Scene,
  type SceneObject,
  signatureOf,
  sizeNames,
} from './scene.ts'
import type { WorldItem } from './types.ts'

/** What a drawing must show; what is left out may be anything. */
export interface Wanted {
  objects: (Pick<SceneObject, 'color' | 'shape'> & Partial<SceneObject>)[]
  /** Between the first object and the second. */
  relation?: Relation
}

/** Cells where the two objects of a relation are drawn. */
const placesOf: Record<Relation, [number, number]> = {
  'left of': [3, 5],
  'right of': [5, 3],
  above: [1, 7],
  below: [7, 1],
}

/** `draw a red circle left of a blue square`, and the picture. */
export function makeDraw(rng: Rng): WorldItem {
  const { prompt, scene, wanted } = rng.uniform() < 0.4 ? drawOne(rng) : drawTwo(rng)
  return {
    signature: prompt,
    media: [],
    turns: [{ kind: 'draw', question: `${prompt}\n`, answer: { picture: renderScene(scene), target: true } }],
    truth: wanted,
  }
}

interface Drawing {
  prompt: string
  scene: Scene
  wanted: Wanted
}

/** Size as it may be named: an object whose size is not named is big. */
function named(
  object: SceneObject,
  rng: Rng,
): { name: string; object: SceneObject; wanted: Wanted['objects'][number] } {
  const { color, shape, size } = object
  if (rng.uniform() < 0.5) return { name: `a ${size} ${color} ${shape}`, object, wanted: { color, shape, size } }
  return { name: `a ${color} ${shape}`, object: { ...object, size: 'big' }, wanted: { color, shape } }
}

function drawOne(rng: Rng): Drawing {
  const placed = rng.uniform() < 0.8
  const cell = placed ? rng.integer(9) : 4
  const { name, object, wanted } = named(randomObject(rng, cell), rng)
  return {
    prompt: `draw ${name}${placed ? ` at the ${cellNames[cell]}` : ''}`,
    scene: [object],
    wanted: { objects: [placed ? { ...wanted, cell } : wanted] },
  }
}

function drawTwo(rng: Rng): Drawing {
  const relation = draw(rng, relationNames)
  const [first, second] = placesOf[relation]
  const a = named(randomObject(rng, first), rng)
  let b = named(randomObject(rng, second), rng)
  while (b.object.color === a.object.color && b.object.shape === a.object.shape)
    b = named(randomObject(rng, second), rng)
  return {
    prompt: `draw ${a.name} ${relation} ${b.name}`,
    scene: inOrder([a.object, b.object]),
    wanted: { objects: [a.wanted, b.wanted], relation },
  }
}

/** A picture, `make the circle red`, and the same picture with that one thing changed. */
export function makeEdit(rng: Rng): WorldItem {
  const scene = randomScene(rng, draw(rng, [1, 2, 2]))
  const { prompt, edited } = edit(scene, rng)
  return {
    signature: `${signatureOf(scene)}: ${prompt}`,
    media: [{ picture: renderScene(scene) }],
    turns: [{ kind: 'edit', question: `${prompt}\n`, answer: { picture: renderScene(edited), target: true } }],
    truth: { objects: edited } satisfies Wanted,
  }
}

/** An edit that leaves no two objects alike and the picture not empty. */
function edit(scene: Scene, rng: Rng): { prompt: string; edited: Scene } {
  for (;;) {
    const choice = anyEdit(scene, rng)
    if (choice && isScene(choice.edited)) return choice
  }
}

function anyEdit(scene: Scene, rng: Rng): { prompt: string; edited: Scene } | null {
  const object = draw(rng, scene)
  const name = uniqueBy(scene, 'shape').includes(object) ? object.shape : `${object.color} ${object.shape}`
  const change = (prompt: string, fields: Partial<SceneObject>): { prompt: string; edited: Scene } | null => {
    const changed = { ...object, ...fields }
    if (Object.entries(fields).every(([field, value]) => object[field as keyof SceneObject] === value)) return null
    return { prompt, edited: inOrder(scene.map((other) => (other === object ? changed : other))) }
  }
  const [color, size, shape] = [draw(rng, colorNames), draw(rng, sizeNames), draw(rng, shapeNames)]
  const cell = rng.integer(9)
  const edits = [
    () => change(`make the ${name} ${color}`, { color }),
    () => change(`make the ${name} ${color}`, { color }),
    () => change(`make the ${name} ${size}`, { size }),
    () => change(`turn the ${name} into a ${shape}`, { shape }),
    () => change(`move the ${name} to the ${cellNames[cell]}`, { cell }),
    () => ({ prompt: `remove the ${name}`, edited: scene.filter((other) => other !== object) }),
  ]
  return draw(rng, edits)()
}

function isScene(scene: Scene): boolean {
  const kinds = new Set(scene.map(({ color, shape }) => `${color} ${shape}`))
  const cells = new Set(scene.map((object) => 3 * row(object) + column(object)))
  return scene.length > 0 && kinds.size === scene.length && cells.size === scene.length
}
