// What a scene is: one to three flat objects in distinct cells of a 3x3 grid, and the words for them.
//
// The world is kept small on purpose: few words and one canonical text for each thing, so that a small model spends
// its minutes on seeing rather than on guessing which of many right texts is meant.
import type { Rng } from '../../util/index.ts'
import { pick } from './types.ts'

export const shapes = ['circle', 'square', 'triangle', 'cross'] as const
export const colors = ['red', 'green', 'blue', 'yellow', 'purple', 'white'] as const
export const sizes = ['small', 'big'] as const
/** Names of the cells, in reading order. */
export const cells = [
  'top left',
  'top',
  'top right',
  'left',
  'center',
  'right',
  'bottom left',
  'bottom',
  'bottom right',
] as const
/** Relations of a pair, each followed by its opposite. */
export const relations = ['left of', 'right of', 'above', 'below'] as const

export type Shape = (typeof shapes)[number]
export type Color = (typeof colors)[number]
export type Size = (typeof sizes)[number]
export type Cell = (typeof cells)[number]
export type Relation = (typeof relations)[number]

/** An object of a scene. */
export interface SceneObject {
  size: Size
  color: Color
  shape: Shape
  cell: Cell
  /** Pixels that the centre lies off the centre of the cell, to the right and down: -1, 0 or 1. */
  dx: number
  dy: number
}

/** Objects in reading order: rows, then columns. */
export type Scene = SceneObject[]

/** 0 to 2, from the left. */
export function columnOf(cell: Cell): number {
  return cells.indexOf(cell) % 3
}

/** 0 to 2, from the top. */
export function rowOf(cell: Cell): number {
  return Math.floor(cells.indexOf(cell) / 3)
}

/** Whether a lies so to b; a column or row apart is enough, whatever the other axis. */
export function holds(a: { cell: Cell }, relation: Relation, b: { cell: Cell }): boolean {
  if (relation === 'left of') return columnOf(a.cell) < columnOf(b.cell)
  if (relation === 'right of') return columnOf(a.cell) > columnOf(b.cell)
  if (relation === 'above') return rowOf(a.cell) < rowOf(b.cell)
  return rowOf(a.cell) > rowOf(b.cell)
}

/** left of <-> right of, above <-> below. */
export function opposite(relation: Relation): Relation {
  return relations[relations.indexOf(relation) ^ 1]
}

/** Puts objects in reading order, in place. */
export function inReadingOrder(scene: Scene): Scene {
  return scene.sort((a, b) => cells.indexOf(a.cell) - cells.indexOf(b.cell))
}

/** A random scene without jitter; no two of its objects share both colour and shape. */
export function randomScene(rng: Rng, count: number): Scene {
  const free: Cell[] = [...cells]
  const scene: Scene = []
  while (scene.length < count) {
    const color = pick(colors, rng)
    const shape = pick(shapes, rng)
    const size = pick(sizes, rng)
    if (scene.some((other) => other.color === color && other.shape === shape)) continue
    const [cell] = free.splice(rng.integer(free.length), 1)
    scene.push({ size, color, shape, cell, dx: 0, dy: 0 })
  }
  return inReadingOrder(scene)
}

/** Names a scene without its jitter. */
export function sceneSignature(scene: Scene): string {
  return scene.map(({ size, color, shape, cell }) => `${size} ${color} ${shape} ${cell}`).join(', ')
}
