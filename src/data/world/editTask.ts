// The task "edit": a picture, what to change, and the picture after the change with everything else as it was.
import type { Rng } from '../../util/index.ts'
import { renderScene } from './render.ts'
import { cells, colors, inReadingOrder, randomScene, sceneSignature, shapes } from './scene.ts'
import type { Scene, SceneObject } from './scene.ts'
import { refer } from './sceneTask.ts'
import { ask, pick, type Task } from './types.ts'
import { wantedScene } from './wanted.ts'

interface EditPlan {
  kind: string
  before: Scene
  prompt: string
  after: Scene
}

/** How an object becomes another, and the words for it; undefined: the object goes. */
type Edit = (object: SceneObject, name: string, scene: Scene, rng: Rng) => [string, SceneObject | undefined]

function other<T>(items: readonly T[], than: T, rng: Rng): T {
  return pick(
    items.filter((item) => item !== than),
    rng,
  )
}

const edits: Record<string, Edit> = {
  recolor(object, name, _scene, rng) {
    const color = other(colors, object.color, rng)
    return [`make the ${name} ${color}`, { ...object, color }]
  },
  resize(object, name) {
    const size = object.size === 'big' ? 'small' : 'big'
    return [`make the ${name} ${size}`, { ...object, size }]
  },
  reshape(object, name, _scene, rng) {
    const shape = other(shapes, object.shape, rng)
    return [`turn the ${name} into a ${shape}`, { ...object, shape }]
  },
  remove: (_object, name) => [`remove the ${name}`, undefined],
  move(object, name, scene, rng) {
    const free = cells.filter((cell) => scene.every((taken) => taken.cell !== cell))
    const cell = pick(free, rng)
    return [`move the ${name} to the ${cell}`, { ...object, cell }]
  },
}

function plan(rng: Rng): EditPlan {
  while (true) {
    const before = randomScene(rng, 1 + rng.integer(2))
    const kind = pick(Object.keys(edits), rng)
    // something must be left to look at
    if (kind === 'remove' && before.length === 1) continue
    const object = pick(before, rng)
    const [prompt, changed] = edits[kind](object, refer(object, before, rng), before, rng)
    const rest = before.filter((one) => one !== object)
    if (changed === undefined) return { kind, before, prompt, after: rest }
    if (rest.some(({ color, shape }) => color === changed.color && shape === changed.shape)) continue
    return { kind, before, prompt, after: inReadingOrder([...rest, changed]) }
  }
}

export const editTask: Task<EditPlan> = {
  plan,
  // by the pictures before and after: "the circle" and "the red circle" are one content
  signature: ({ before, after }) => `${sceneSignature(before)} -> ${sceneSignature(after)}`,
  document: ({ before, prompt, after }) => [
    { picture: renderScene(before) },
    ask(prompt),
    { picture: renderScene(after), target: true },
  ],
  questions: ({ kind, before, prompt, after }) => [
    {
      kind,
      prompt: [{ picture: renderScene(before) }, ask(prompt)],
      answer: '',
      truth: { scene: before, wanted: wantedScene(after), picture: renderScene(after) },
    },
  ],
}
