// Draws scenes: flat shapes with anti-aliased edges on one dark background.
//
// How much of a pixel a shape covers is measured by 4x4 samples inside it. There are few shapes, sizes and places,
// so each coverage mask is made once and kept; a picture is then some hundred blended pixels.
import type { Rng } from '../../util/index.ts'
import type { Picture } from '../../media/index.ts'
import { columnOf, rowOf, type Color, type Scene, type Shape, type Size } from './scene.ts'

/** Pixels of a side of a scene. */
export const sceneSize = 32

/** 8-bit RGB. */
export const palette: Record<Color, readonly [number, number, number]> = {
  red: [224, 44, 44],
  green: [44, 176, 64],
  blue: [52, 96, 236],
  yellow: [240, 212, 48],
  purple: [168, 60, 212],
  white: [240, 240, 240],
}
export const background: readonly [number, number, number] = [20, 20, 28]

/** Pixels that a shape measures: width, height, and the thickness of a cross's arms. */
export const measures: Record<Shape, Record<Size, { width: number; height: number; arm: number }>> = {
  circle: { small: { width: 6.6, height: 6.6, arm: 0 }, big: { width: 9.5, height: 9.5, arm: 0 } },
  square: { small: { width: 6, height: 6, arm: 0 }, big: { width: 9, height: 9, arm: 0 } },
  triangle: { small: { width: 7, height: 6.2, arm: 0 }, big: { width: 9.6, height: 9.2, arm: 0 } },
  cross: { small: { width: 6.6, height: 6.6, arm: 2.2 }, big: { width: 9.6, height: 9.6, arm: 3 } },
}

/** Pixels between bounding boxes, at least, so that objects never touch. */
const gap = 0.8
const samples = 4

/** The pixels that a shape covers. */
export interface Mask {
  /** Row-major pixel numbers. */
  pixels: Uint16Array
  /** Parts covered, in (0, 1]. */
  cover: Float32Array
}

const masks = new Map<string, Mask>()

/** The mask of a shape centred at (x, y) in a square picture of `side` pixels; x and y are rounded to 1/16 of a pixel. */
export function shapeMask(shape: Shape, size: Size, x: number, y: number, side: number): Mask {
  const [cx, cy] = [Math.round(x * 16) / 16, Math.round(y * 16) / 16]
  const key = `${shape} ${size} ${cx} ${cy} ${side}`
  let mask = masks.get(key)
  if (mask === undefined) {
    mask = makeMask(shape, size, cx, cy, side)
    masks.set(key, mask)
  }
  return mask
}

function makeMask(shape: Shape, size: Size, x: number, y: number, side: number): Mask {
  const { width, height } = measures[shape][size]
  const pixels: number[] = []
  const cover: number[] = []
  const last = (edge: number) => Math.min(side - 1, Math.floor(edge))
  for (let row = Math.max(0, Math.floor(y - height / 2)); row <= last(y + height / 2); row++) {
    for (let column = Math.max(0, Math.floor(x - width / 2)); column <= last(x + width / 2); column++) {
      let inside = 0
      for (let i = 0; i < samples * samples; i++) {
        const u = column + ((i % samples) + 0.5) / samples - x
        const v = row + (Math.floor(i / samples) + 0.5) / samples - y
        if (isInside(shape, size, u, v)) inside++
      }
      if (inside === 0) continue
      pixels.push(row * side + column)
      cover.push(inside / (samples * samples))
    }
  }
  return { pixels: Uint16Array.from(pixels), cover: Float32Array.from(cover) }
}

/** Whether the point (u, v), seen from the centre of the shape, is part of it; v grows downwards. */
function isInside(shape: Shape, size: Size, u: number, v: number): boolean {
  const { width, height, arm } = measures[shape][size]
  const inBox = Math.abs(u) <= width / 2 && Math.abs(v) <= height / 2
  if (shape === 'circle') return u * u + v * v <= (width * width) / 4
  if (shape === 'square') return inBox
  if (shape === 'triangle') return inBox && Math.abs(u) <= ((v + height / 2) / height) * (width / 2)
  return inBox && (Math.abs(u) <= arm / 2 || Math.abs(v) <= arm / 2)
}

/** An empty square picture. */
export function emptyPicture(side: number): Picture {
  const data = new Uint8Array(side * side * 3)
  for (let at = 0; at < data.length; at++) data[at] = background[at % 3]
  return { width: side, height: side, data }
}

/** Paints a mask in one colour over a picture, in place. */
export function paint(picture: Picture, { pixels, cover }: Mask, color: Color): void {
  const ink = palette[color]
  for (let i = 0; i < pixels.length; i++) {
    const at = pixels[i] * 3
    for (let c = 0; c < 3; c++) {
      const below = picture.data[at + c]
      picture.data[at + c] = Math.round(below + (ink[c] - below) * cover[i])
    }
  }
}

/** Pixels from the left edge to the middle of column 0, 1 or 2; rows are alike. */
export function cellCenter(column: number): number {
  return 5.5 + 10.5 * column
}

const empty = emptyPicture(sceneSize)

/** The 32x32 picture of a scene. */
export function renderScene(scene: Scene): Picture {
  const picture = { ...empty, data: empty.data.slice() }
  for (const { shape, size, color, cell, dx, dy } of scene) {
    const mask = shapeMask(shape, size, cellCenter(columnOf(cell)) + dx, cellCenter(rowOf(cell)) + dy, sceneSize)
    paint(picture, mask, color)
  }
  return picture
}

/** The same scene with each object moved by up to a pixel an axis, such that none touch. */
export function jitterScene(scene: Scene, rng: Rng): Scene {
  for (let attempt = 0; attempt < 20; attempt++) {
    const moved = scene.map((object) => ({ ...object, dx: rng.integer(3) - 1, dy: rng.integer(3) - 1 }))
    if (!moved.some((a, i) => moved.some((b, j) => i < j && touch(a, b)))) return moved
  }
  return scene.map((object) => ({ ...object, dx: 0, dy: 0 }))
}

/** Whether the boxes around two objects come nearer than the gap. */
function touch(a: Scene[number], b: Scene[number]): boolean {
  const [one, two] = [measures[a.shape][a.size], measures[b.shape][b.size]]
  const across = Math.abs(10.5 * (columnOf(a.cell) - columnOf(b.cell)) + a.dx - b.dx) - (one.width + two.width) / 2
  const down = Math.abs(10.5 * (rowOf(a.cell) - rowOf(b.cell)) + a.dy - b.dy) - (one.height + two.height) / 2
  return Math.max(across, down) < gap
}
