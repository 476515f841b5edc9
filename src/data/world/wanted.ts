// What a picture should show: the objects, as far as they are named, and how they lie to each other.
import type { Cell, Color, Relation, Scene, Shape, Size } from './scene.ts'

/** An object that should be there; what is left out may be anything. */
export interface WantedObject {
  color: Color
  shape: Shape
  size?: Size
  cell?: Cell
}

/** These objects and no others. */
export interface Wanted {
  objects: WantedObject[]
  /** `a` and `b` are places in `objects`. */
  relations?: { a: number; relation: Relation; b: number }[]
}

/** Wants a scene exactly, cells and sizes included. */
export function wantedScene(scene: Scene): Wanted {
  return { objects: scene.map(({ color, shape, size, cell }) => ({ color, shape, size, cell })) }
}
