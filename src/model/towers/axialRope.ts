// Rotary positions in two dimensions: the first half of a head turns with x, the second with y (Gemma 4's vision tower).
//
//   a head in files   | x: first of each pair | x: second | y: first | y: second |      C/4 numbers each
//   a head here       | x: first | y: first | x: second | y: second |
//
// Swapping the middle quarters makes pairs (i, i + C/2), which is what ops/splitHeads turns. Query and key rows and
// the factors of their norms are swapped alike when a file is read, and back when one is written; scores do not change.
// Shapes: N patches, C head width.
import type { RopeTable } from '../../nn/index.ts'
import { empty } from '../../tensor/index.ts'

/** Swaps the middle quarters of every head: values [heads * headDim, width], row by row. Its own inverse. */
export function swapQuarters(values: Float32Array, headDim: number, width: number): Float32Array {
  const swapped = values.slice()
  const quarter = (headDim / 4) * width
  for (let head = 0; head < values.length; head += headDim * width) {
    const [second, third] = [head + quarter, head + 2 * quarter]
    swapped.set(values.subarray(second, third), third)
    swapped.set(values.subarray(third, third + quarter), second)
  }
  return swapped
}

/**
 * Angles of each patch: x * theta^(-4i/C) for the first C/4 pairs, y likewise for the others, computed in float64.
 *
 * @param positions [N, 2]: column and row
 * @returns f32 [N, C/2] each, a row a patch
 */
export function axialRope(positions: Int32Array, headDim: number, theta: number): RopeTable {
  const [N, quarter] = [positions.length / 2, headDim / 4]
  const table = { cos: empty([N, 2 * quarter]), sin: empty([N, 2 * quarter]) }
  const [cos, sin] = [table.cos.floats, table.sin.floats]
  for (let i = 0; i < quarter; i++) {
    const frequency = theta ** ((-4 * i) / headDim)
    positions.forEach((place, at) => {
      // place `at` is that of axis at & 1 of patch at >> 1: quarter by quarter, as the positions come
      cos[at * quarter + i] = Math.cos(place * frequency)
      sin[at * quarter + i] = Math.sin(place * frequency)
    })
  }
  return table
}
