// Reads a scene from its pixels alone: what the geometry checker sees, and the independent witness of the tests.
//
// Three steps. Each pixel is explained as `background + cover * (color - background)` by the colour of the palette whose
// line it lies nearest to, which tells a faint edge of one colour from another colour. Pixels mostly covered by one
// colour and joined by an edge are an object. Its shape and size are those whose mask, tried at every half pixel
// around it and sharp or blurred, shares most of its cover with it (intersection over union of soft masks): a picture
// decoded from the codes of 8x8 patches is soft and noisy, and counting corners would fail on it.
import { PolluxError } from '../../util/index.ts'
import type { Picture } from '../../media/index.ts'
import { background, palette, shapeMask } from './render.ts'
import { cells, colors, shapes, sizes, type Cell, type Color, type Shape, type Size } from './scene.ts'

/** An object found in a picture. */
export interface FoundObject {
  color: Color
  shape: Shape
  size: Size
  cell: Cell
  /** Middle of the object in pixels from the left and top edges. */
  x: number
  y: number
  /** How well the shape explains the pixels, 0 to 1. */
  fit: number
}

/** Part of a pixel that must be covered for it to count as the object's. */
const solid = 0.5
/** 8-bit units that a pixel may lie off the line of a colour. */
const tolerance = 75
/** Pixels of cover below which something is a speck. */
const smallest = 8
/** Pixels of a side above which something is two objects of one colour that run into each other. */
const widest = 12.5

/**
 * The objects of a square picture, in reading order of their cells. Specks are passed over.
 *
 * @throws PolluxError when the picture is not square or smaller than 8x8
 */
export function readScene(picture: Picture): FoundObject[] {
  const side = picture.width
  if (picture.height !== side || side < 8 || picture.data.length !== side * side * 3) {
    throw new PolluxError(
      `readScene: picture must be square RGB of at least 8x8, got ${side}x${picture.height} and ${picture.data.length} bytes`,
      { hint: 'resize it to 32x32 first' },
    )
  }
  const { cover, color } = explain(picture)
  return pieces(cover, color, side)
    .map((pixels) => describe(pixels, cover, color, side))
    .sort((a, b) => cells.indexOf(a.cell) - cells.indexOf(b.cell))
}

interface Explained {
  /** Part of each pixel that is covered, 0 to 1. */
  cover: Float32Array
  /** Place in `colors` of what covers it, -1 where no colour explains the pixel. */
  color: Int8Array
}

function explain({ data }: Picture): Explained {
  const count = data.length / 3
  const cover = new Float32Array(count)
  const color = new Int8Array(count).fill(-1)
  for (let pixel = 0; pixel < count; pixel++) {
    let least = tolerance
    for (let c = 0; c < colors.length; c++) {
      const { part, off } = project(data, pixel * 3, c)
      if (off >= least) continue
      least = off
      cover[pixel] = part
      color[pixel] = c
    }
  }
  return { cover, color }
}

const directions = colors.map((name) => palette[name].map((value, i) => value - background[i]))
const squares = directions.map((direction) => direction.reduce((sum, value) => sum + value * value, 0))

/** How far along the line from the background to a colour a pixel lies, and how far off it. */
function project(data: Uint8Array, at: number, c: number): { part: number; off: number } {
  const direction = directions[c]
  const [r, g, b] = [data[at] - background[0], data[at + 1] - background[1], data[at + 2] - background[2]]
  const along = (r * direction[0] + g * direction[1] + b * direction[2]) / squares[c]
  const part = Math.min(1, Math.max(0, along))
  const off = Math.hypot(r - part * direction[0], g - part * direction[1], b - part * direction[2])
  return { part, off }
}

/** Groups of solid pixels of one colour that hang together. */
function pieces(cover: Float32Array, color: Int8Array, side: number): number[][] {
  const seen = new Uint8Array(cover.length)
  const found: number[][] = []
  for (let start = 0; start < cover.length; start++) {
    if (seen[start] === 1 || cover[start] < solid) continue
    const piece = [start]
    seen[start] = 1
    for (let i = 0; i < piece.length; i++) {
      const pixel = piece[i]
      const column = pixel % side
      const beside = [pixel - side, pixel + side]
      if (column > 0) beside.push(pixel - 1)
      if (column < side - 1) beside.push(pixel + 1)
      for (const next of beside) {
        if (next < 0 || next >= cover.length || seen[next] === 1) continue
        if (cover[next] < solid || color[next] !== color[start]) continue
        seen[next] = 1
        piece.push(next)
      }
    }
    found.push(...split(piece, side))
  }
  return found.filter((piece) => piece.reduce((sum, pixel) => sum + cover[pixel], 0) >= smallest)
}

/** Cuts a piece too large for one object along the lines of the grid. */
function split(piece: number[], side: number): number[][] {
  const box = boxOf(piece, side)
  if (Math.max(box.right - box.left, box.bottom - box.top) <= widest) return [piece]
  const parts = new Map<Cell, number[]>()
  for (const pixel of piece) {
    const cell = cellAt((pixel % side) + 0.5, Math.floor(pixel / side) + 0.5, side)
    const part = parts.get(cell)
    if (part === undefined) parts.set(cell, [pixel])
    else part.push(pixel)
  }
  return [...parts.values()]
}

interface Box {
  left: number
  right: number
  top: number
  bottom: number
}

/** Edges of the box around pixels; `right` and `bottom` lie beyond the last pixel. */
function boxOf(pixels: number[], side: number): Box {
  const box = { left: side, right: 0, top: side, bottom: 0 }
  for (const pixel of pixels) {
    const [column, row] = [pixel % side, Math.floor(pixel / side)]
    box.left = Math.min(box.left, column)
    box.right = Math.max(box.right, column + 1)
    box.top = Math.min(box.top, row)
    box.bottom = Math.max(box.bottom, row + 1)
  }
  return box
}

/** The cell of the 3x3 grid that a point lies in. */
function cellAt(x: number, y: number, side: number): Cell {
  const third = (value: number) => Math.min(2, Math.max(0, Math.floor((3 * value) / side)))
  return cells[third(y) * 3 + third(x)]
}

/** The best shape and size for a piece. */
function describe(piece: number[], cover: Float32Array, color: Int8Array, side: number): FoundObject {
  const own = windowOf(piece, cover, color, side)
  const mass = own.reduce((sum, value) => sum + value, 0)
  const box = boxOf(piece, side)
  const middle = [(box.left + box.right) / 2, (box.top + box.bottom) / 2].map((value) => Math.round(value * 2) / 2)
  let best: FoundObject | undefined
  for (const shape of shapes) {
    for (const size of sizes) {
      for (let step = 0; step < 25; step++) {
        const x = middle[0] + ((step % 5) - 2) / 2
        const y = middle[1] + (Math.floor(step / 5) - 2) / 2
        for (const soft of [false, true]) {
          const fit = overlap(own, mass, side, template(shape, size, x % 1, y % 1, soft), Math.floor(x), Math.floor(y))
          if (best !== undefined && fit <= best.fit) continue
          best = { color: colors[color[piece[0]]], shape, size, cell: cellAt(x, y, side), x, y, fit }
        }
      }
    }
  }
  if (best === undefined) throw new Error('internal: a piece without a best shape')
  return best
}

/** Cover of the piece and of the fainter pixels of its colour within two pixels of its box; zero elsewhere. */
function windowOf(piece: number[], cover: Float32Array, color: Int8Array, side: number): Float32Array {
  const own = new Float32Array(cover.length)
  const { left, right, top, bottom } = boxOf(piece, side)
  for (let row = Math.max(0, top - 2); row < Math.min(side, bottom + 2); row++) {
    for (let column = Math.max(0, left - 2); column < Math.min(side, right + 2); column++) {
      const pixel = row * side + column
      // solid pixels outside the piece are another object's
      if (color[pixel] === color[piece[0]] && cover[pixel] < solid && cover[pixel] > 0.12) own[pixel] = cover[pixel]
    }
  }
  for (const pixel of piece) own[pixel] = cover[pixel]
  return own
}

/** Cover by one shape, as pixels relative to the one that holds its middle. */
interface Template {
  right: Int8Array
  down: Int8Array
  cover: Float32Array
}

/** Pixels of a side of the picture in which templates are made. */
const room = 24
const templates = new Map<string, Template>()

/** A shape whose middle lies (x, y) into its pixel, sharp or as after a 3x3 box blur. */
function template(shape: Shape, size: Size, x: number, y: number, soft: boolean): Template {
  const key = `${shape} ${size} ${x} ${y} ${soft}`
  let made = templates.get(key)
  if (made === undefined) {
    made = makeTemplate(shape, size, x, y, soft)
    templates.set(key, made)
  }
  return made
}

function makeTemplate(shape: Shape, size: Size, x: number, y: number, soft: boolean): Template {
  const whole = new Float32Array(room * room)
  const mask = shapeMask(shape, size, room / 2 + x, room / 2 + y, room)
  mask.pixels.forEach((pixel, i) => (whole[pixel] = mask.cover[i]))
  // shapes keep away from the edges of the room, so that all nine pixels are there
  const around = [-room - 1, -room, -room + 1, -1, 0, 1, room - 1, room, room + 1]
  const blurred = whole.map((_, pixel) => around.reduce((sum, step) => sum + (whole[pixel + step] ?? 0), 0) / 9)
  const cover = soft ? blurred : whole
  const pixels = [...cover.keys()].filter((pixel) => cover[pixel] > 0)
  return {
    right: Int8Array.from(pixels, (pixel) => (pixel % room) - room / 2),
    down: Int8Array.from(pixels, (pixel) => Math.floor(pixel / room) - room / 2),
    cover: Float32Array.from(pixels, (pixel) => cover[pixel]),
  }
}

/** Intersection over union of a soft mask of some mass and a template whose middle lies in pixel (column, row). */
function overlap(own: Float32Array, mass: number, side: number, shape: Template, column: number, row: number): number {
  let [both, total] = [0, mass]
  for (let i = 0; i < shape.cover.length; i++) {
    const [x, y] = [column + shape.right[i], row + shape.down[i]]
    // what lies outside of the picture cannot be seen
    if (x < 0 || y < 0 || x >= side || y >= side) continue
    total += shape.cover[i]
    both += Math.min(own[y * side + x], shape.cover[i])
  }
  return both / (total - both)
}
