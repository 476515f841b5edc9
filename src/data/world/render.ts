// Shapes on a dark ground, with soft edges: the pictures of the generated world.
import type { Picture } from '../../media/index.ts'

export const shapeNames = ['circle', 'square', 'triangle', 'cross'] as const
export type ShapeName = (typeof shapeNames)[number]

export const palette = {
  red: [255, 110, 110],
  green: [110, 255, 110],
  blue: [110, 130, 255],
  yellow: [255, 255, 110],
  purple: [220, 110, 255],
  white: [250, 250, 250],
} as const
export type ColorName = keyof typeof palette
export const colorNames = Object.keys(palette) as ColorName[]

/** Colour of the ground. */
export const ground = [20, 20, 24] as const

/** A shape to draw: its middle and radius in pixels (0 is the middle of the first pixel). */
export interface Drawn {
  shape: ShapeName
  color: ColorName
  x: number
  y: number
  radius: number
}

/** Sub-pixels a side of a pixel. */
const samples = 4

/** Whether a point at (dx, dy) of the middle belongs to a shape of radius 1. */
const inside: Record<ShapeName, (dx: number, dy: number) => boolean> = {
  circle: (dx, dy) => dx * dx + dy * dy <= 1,
  square: (dx, dy) => Math.abs(dx) <= 0.9 && Math.abs(dy) <= 0.9,
  triangle: (dx, dy) => dy >= -1 && dy <= 0.9 && Math.abs(dx) <= (dy + 1) * 0.53,
  cross: (dx, dy) => Math.min(Math.abs(dx), Math.abs(dy)) <= 0.32 && Math.max(Math.abs(dx), Math.abs(dy)) <= 1,
}

/** An empty picture. */
export function blank(width: number, height: number): Picture {
  const data = new Uint8Array(width * height * 3)
  for (let i = 0; i < data.length; i++) data[i] = ground[i % 3]
  return { width, height, data }
}

/** Covers of a shape at a fraction of a pixel, kept: the world has few kinds. */
const masks = new Map<string, { side: number; cover: Float32Array }>()

function maskOf(shape: ShapeName, radius: number, fx: number, fy: number) {
  const key = `${shape} ${radius} ${fx} ${fy}`
  const known = masks.get(key)
  if (known) return known
  const reach = Math.ceil(radius) + 1
  const side = 2 * reach + 1
  const cover = new Float32Array(side * side)
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      let hits = 0
      for (let i = 0; i < samples * samples; i++) {
        const dx = (x - reach - fx + ((i % samples) + 0.5) / samples - 0.5) / radius
        const dy = (y - reach - fy + (Math.floor(i / samples) + 0.5) / samples - 0.5) / radius
        if (inside[shape](dx, dy)) hits++
      }
      cover[y * side + x] = hits / (samples * samples)
    }
  }
  const made = { side, cover }
  if (masks.size < 4096) masks.set(key, made)
  return made
}

/** How much of each pixel of a width x height picture a shape covers, 0 to 1. */
export function shapeCover({ shape, x, y, radius }: Omit<Drawn, 'color'>, width: number, height: number): Float32Array {
  const out = new Float32Array(width * height)
  const [left, top] = [Math.floor(x), Math.floor(y)]
  const { side, cover } = maskOf(shape, radius, x - left, y - top)
  const reach = (side - 1) / 2
  for (let i = 0; i < cover.length; i++) {
    const [px, py] = [left - reach + (i % side), top - reach + Math.floor(i / side)]
    if (px >= 0 && py >= 0 && px < width && py < height) out[py * width + px] = cover[i]
  }
  return out
}

/** Draws a shape over what is there; what lies outside the picture is cut. */
export function drawShape(picture: Picture, { shape, color, x, y, radius }: Drawn): void {
  const cover = shapeCover({ shape, x, y, radius }, picture.width, picture.height)
  for (const [pixel, share] of cover.entries()) {
    if (share === 0) continue
    for (let c = 0; c < 3; c++) {
      const at = 3 * pixel + c
      picture.data[at] = Math.round(picture.data[at] * (1 - share) + palette[color][c] * share)
    }
  }
}
