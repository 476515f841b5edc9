// Random inputs of benches, in either dtype, and reading them back for the float64 check.
import type { NumberArray } from '../src/native/index.ts'

/** A repeatable stream of numbers in [-1, 1) (32-bit linear congruential; benches need no better). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state | 0) / 2 ** 31
  }
}

const floatBits = new Float32Array(1)
const bits = new Uint32Array(floatBits.buffer)

/** bf16 bits of a number, rounded to nearest even. */
export function toBf16(value: number): number {
  floatBits[0] = value
  return ((bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16) & 0xffff
}

/** The number that an element of an array stands for. */
export function valueAt(array: NumberArray, index: number): number {
  if (array instanceof Float32Array) return array[index]
  bits[0] = array[index] << 16
  return floatBits[0]
}

/** An empty array of a dtype. */
export function emptyArray(dtype: 'f32' | 'bf16', size: number): NumberArray {
  return dtype === 'f32' ? new Float32Array(size) : new Uint16Array(size)
}

/** `size` random numbers in [-scale, scale). */
export function randomArray(dtype: 'f32' | 'bf16', size: number, random: () => number, scale = 1): NumberArray {
  const array = emptyArray(dtype, size)
  for (let i = 0; i < size; i++) array[i] = dtype === 'f32' ? random() * scale : toBf16(random() * scale)
  return array
}

/** Largest error an output may have: rounding of the output, and float32 sums, relative to the sum of |terms|. */
export function checkSample(what: string, got: number, terms: Iterable<number>, dtype: 'f32' | 'bf16'): void {
  let sum = 0
  let size = 0
  for (const term of terms) {
    sum += term
    size += Math.abs(term)
  }
  const bound = (dtype === 'bf16' ? 2 ** -8 : 0) * Math.abs(sum) + 1e-5 * size + 1e-6
  if (!(Math.abs(got - sum) <= bound)) throw new Error(`${what}: must be ${sum} within ${bound}, got ${got}`)
}
