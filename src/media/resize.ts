// Pictures at another size: bicubic, with the kernel widened when the picture shrinks, so that fine patterns average out instead of
// becoming coarse ones (antialiasing).
//
// This is the convention that Gemma's processors resize with (torch, Pillow): pixel centres at half integers, kernel of Keys
// (1981) with a = -0.5, weights normalised to sum 1 at the borders, one pass along each axis with rounding to 8 bits in
// between. libvips, which sharp resizes with, places pixels otherwise when it enlarges (differences of up to 109 of 255 at edges, where
// a patch sees them), so the passes are done here.
import { PolluxError } from '../util/index.ts'
import { checkPicture } from './check.ts'
import type { Picture } from './types.ts'

/**
 * The picture at another size, whatever becomes of its aspect ratio; within 1 of 255 of what torch and Pillow give.
 * Throws unless both sides are whole numbers from 1 to 65535.
 */
export function resizePicture(picture: Picture, width: number, height: number): Promise<Picture> {
  return new Promise((resolve) => resolve(resizeNow(picture, width, height)))
}

/** `resizePicture` without a promise. */
export function resizeNow(picture: Picture, width: number, height: number): Picture {
  checkPicture('resizePicture', picture)
  for (const [name, value] of Object.entries({ width, height })) {
    if (!Number.isSafeInteger(value) || value < 1 || value > 65_535)
      throw new PolluxError(`resizePicture: ${name} must be a whole number from 1 to 65535, got ${value}`)
  }
  let data = picture.data
  if (width !== picture.width) data = resizeRows(data, picture.width, picture.height, width)
  if (height !== picture.height) data = resizeColumns(data, width, picture.height, height)
  return { width, height, data: data === picture.data ? data.slice() : data }
}

/** What an output pixel is made of along one axis: `taps` weights each, from input pixel `first` on. */
interface Taps {
  first: Int32Array
  /** Weights that count, at most `taps`. */
  count: Int32Array
  taps: number
  weights: Float64Array
}

/** Keys' cubic with a = -0.5: 1 at 0, 0 at the other whole numbers and beyond 2. */
function cubic(distance: number): number {
  const x = Math.abs(distance)
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0
}

function tapsOf(from: number, to: number): Taps {
  const scale = from / to
  const stretch = Math.max(scale, 1)
  const support = 2 * stretch
  const taps = Math.ceil(support) * 2 + 1
  const first = new Int32Array(to)
  const count = new Int32Array(to)
  const weights = new Float64Array(to * taps)
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale
    first[i] = Math.max(0, Math.floor(centre - support + 0.5))
    count[i] = Math.min(from, Math.floor(centre + support + 0.5)) - first[i]
    let sum = 0
    for (let t = 0; t < count[i]; t++) {
      const weight = cubic((first[i] + t + 0.5 - centre) / stretch)
      weights[i * taps + t] = weight
      sum += weight
    }
    for (let t = 0; t < count[i]; t++) weights[i * taps + t] /= sum
  }
  return { first, count, taps, weights }
}

/** Rounds to the nearest whole number in [0, 255]. */
const toByte = (value: number): number => (value <= 0 ? 0 : value >= 255 ? 255 : (value + 0.5) | 0)

function resizeRows(data: Uint8Array, from: number, rows: number, to: number): Uint8Array {
  const { first, count, taps, weights } = tapsOf(from, to)
  const out = new Uint8Array(rows * to * 3)
  for (let x = 0; x < to; x++) {
    const end = x * taps + count[x]
    for (let y = 0; y < rows; y++) {
      let at = (y * from + first[x]) * 3
      let [red, green, blue] = [0, 0, 0]
      for (let t = x * taps; t < end; t++, at += 3) {
        red += weights[t] * data[at]
        green += weights[t] * data[at + 1]
        blue += weights[t] * data[at + 2]
      }
      const to3 = (y * to + x) * 3
      out[to3] = toByte(red)
      out[to3 + 1] = toByte(green)
      out[to3 + 2] = toByte(blue)
    }
  }
  return out
}

function resizeColumns(data: Uint8Array, width: number, from: number, to: number): Uint8Array {
  const { first, count, taps, weights } = tapsOf(from, to)
  const stride = width * 3
  const out = new Uint8Array(to * stride)
  const sums = new Float64Array(stride)
  for (let y = 0; y < to; y++) {
    sums.fill(0)
    for (let t = 0; t < count[y]; t++) {
      const weight = weights[y * taps + t]
      const row = (first[y] + t) * stride
      for (let i = 0; i < stride; i++) sums[i] += weight * data[row + i]
    }
    for (let i = 0; i < stride; i++) out[y * stride + i] = toByte(sums[i])
  }
  return out
}
