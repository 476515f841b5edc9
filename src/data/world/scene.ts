// Scenes: one to three shapes in the cells of a 3 x 3 grid on a picture of 36 x 36 pixels. A cell is a patch of `nano`: an
// object moves and varies inside one, so that minutes on a CPU are enough to learn to see it.
import type { Picture } from '../../media/index.ts'
import type { Rng } from '../../util/index.ts'
import { draw } from './random.ts'
import { blank, type ColorName, colorNames, drawShape, type ShapeName, shapeNames } from './render.ts'

export const sizeNames = ['small', 'big'] as const
export type SizeName = (typeof sizeNames)[number]

/** Cells by number, row by row from the top left. */
export const cellNames = [
  ...['top left', 'top', 'top right'],
  ...['left', 'center', 'right'],
  ...['bottom left', 'bottom', 'bottom right'],
] as const

export interface SceneObject {
  size: SizeName
  color: ColorName
  shape: ShapeName
  /** 0 to 8. */
  cell: number
}

/** Objects in reading order: by cell. */
export type Scene = SceneObject[]

export const sceneSide = 36
export const column = ({ cell }: Pick<SceneObject, 'cell'>): number => cell % 3
export const row = ({ cell }: Pick<SceneObject, 'cell'>): number => Math.floor(cell / 3)
export const radiusOf: Record<SizeName, number> = { small: 3, big: 4.4 }
/** Middle of the cells of a row or column, pixels. */
export const cellCenters = [5.25, 17.25, 29.25] as const

/** A scene of `count` objects, no two of one colour and shape. */
export function randomScene(rng: Rng, count: number): Scene {
  const cells = rng.shuffle([...cellNames.keys()])
  const scene: Scene = []
  while (scene.length < count) {
    const object = randomObject(rng, cells[scene.length])
    if (!scene.some(({ color, shape }) => color === object.color && shape === object.shape)) scene.push(object)
  }
  return inOrder(scene)
}

export function randomObject(rng: Rng, cell: number): SceneObject {
  return { size: draw(rng, sizeNames), color: draw(rng, colorNames), shape: draw(rng, shapeNames), cell }
}

export function inOrder(scene: Scene): Scene {
  return [...scene].sort((a, b) => a.cell - b.cell)
}

/** The picture of a scene; with a source of randomness each object may lie a pixel further right and down. */
export function renderScene(scene: Scene, jitter?: Rng): Picture {
  const picture = blank(sceneSide, sceneSide)
  for (const object of scene) {
    const off = (): number => (jitter ? jitter.integer(2) : 0)
    drawShape(picture, {
      ...object,
      x: cellCenters[column(object)] + off(),
      y: cellCenters[row(object)] + off(),
      radius: radiusOf[object.size],
    })
  }
  return picture
}

/** What a scene is, without jitter. */
export function signatureOf(scene: Scene): string {
  return inOrder(scene)
    .map(({ size, color, shape, cell }) => `${size} ${color} ${shape} ${cell}`)
    .join(', ')
}

/** `big red circle`. */
export function fullName({ size, color, shape }: SceneObject): string {
  return `${size} ${color} ${shape}`
}

/** The one caption of a scene. */
export function caption(scene: Scene): string {
  const [first, second, third] = inOrder(scene)
  if (!second) return `a ${fullName(first)} at the ${cellNames[first.cell]}`
  if (third) return `a ${fullName(first)}, a ${fullName(second)} and a ${fullName(third)}`
  if (column(first) === column(second)) return `a ${fullName(first)} above a ${fullName(second)}`
  const [left, right] = column(first) < column(second) ? [first, second] : [second, first]
  return `a ${fullName(left)} left of a ${fullName(right)}`
}

/** Relations of places, as words, and whether they hold between two objects. */
export const relations = {
  'left of': (a: SceneObject, b: SceneObject) => column(a) < column(b),
  'right of': (a: SceneObject, b: SceneObject) => column(a) > column(b),
  above: (a: SceneObject, b: SceneObject) => row(a) < row(b),
  below: (a: SceneObject, b: SceneObject) => row(a) > row(b),
} as const
export type Relation = keyof typeof relations
export const relationNames = Object.keys(relations) as Relation[]
