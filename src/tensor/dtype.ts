// Element types, and the arrays that hold them. bf16 is the upper half of a float32, kept as its 16 bits.
import type { Compute } from '../native/index.ts'

/** f32 and bf16 hold numbers, i32 holds ids and positions. */
export type Dtype = Compute | 'i32'

/** The array behind a tensor: f32 Float32Array, bf16 Uint16Array (bits), i32 Int32Array. */
export type TypedArray = Float32Array | Uint16Array | Int32Array

/** Bytes of one element. */
export const bytesPerElement: Record<Dtype, number> = { f32: 4, bf16: 2, i32: 4 }

/** An array of `size` elements at the start of `buffer`. */
export function viewOf(buffer: ArrayBuffer, dtype: Dtype, size: number): TypedArray {
  if (dtype === 'f32') return new Float32Array(buffer, 0, size)
  if (dtype === 'bf16') return new Uint16Array(buffer, 0, size)
  return new Int32Array(buffer, 0, size)
}

/** Rounds to the nearest bf16, ties to even; NaN stays NaN. */
export function roundToBf16(values: Float32Array, bits: Uint16Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < words.length; i++) {
    const word = words[i]
    const isNaN = (word & 0x7fffffff) > 0x7f800000
    bits[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  }
}

/** Exact. */
export function widenBf16(bits: Uint16Array, values: Float32Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16
}
