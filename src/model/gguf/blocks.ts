// How GGUF's tensor types store numbers, and back.
//
//   q8_0   32 numbers: d (f16), then 32 bytes q:      x = d q,        d = max|x| / 127
//   q4_0   32 numbers: d (f16), then 16 bytes:        x = d (q - 8),  d = (the number of largest |x|) / -8
//          byte i holds number i in its low and number i + 16 in its high half
//
// Arithmetic is in f32 as in ggml's reference (quantize_row_q8_0_ref, quantize_row_q4_0_ref), so the bytes are the same.
import { kernels } from '../../native/index.ts'
import { type StorableType, tensorTypes } from './format.ts'

/** Numbers that share a scale. */
export const blockSize = 32

const { fround } = Math

/** Numbers as a type stores them; of a quantised type, a whole number of blocks. */
export function encodeNumbers(type: StorableType, x: Float32Array): Uint8Array {
  if (type === 'f32') return new Uint8Array(x.buffer, x.byteOffset, x.byteLength)
  if (type === 'bf16') {
    const bits = new Uint16Array(x.length)
    kernels.convert(x, bits, x.length)
    return new Uint8Array(bits.buffer)
  }
  if (type === 'f16') return new Uint8Array(Float16Array.from(x).buffer)
  const { bytes } = tensorTypes[type]
  const out = new Uint8Array((x.length / blockSize) * bytes)
  const view = new DataView(out.buffer)
  const encodeBlock = type === 'q8_0' ? encodeQ8 : encodeQ4
  for (let from = 0, at = 0; from < x.length; from += blockSize, at += bytes) encodeBlock(x, from, view, at)
  return out
}

function encodeQ8(x: Float32Array, from: number, out: DataView, at: number): void {
  let most = 0
  for (let i = 0; i < blockSize; i++) most = Math.max(most, Math.abs(x[from + i]))
  const d = fround(most / 127)
  const inverse = d === 0 ? 0 : fround(1 / d)
  out.setFloat16(at, d, true)
  for (let i = 0; i < blockSize; i++) {
    const q = fround(x[from + i] * inverse)
    out.setInt8(at + 2 + i, q < 0 ? -Math.floor(0.5 - q) : Math.floor(q + 0.5))
  }
}

function encodeQ4(x: Float32Array, from: number, out: DataView, at: number): void {
  let most = 0
  let signed = 0
  for (let i = 0; i < blockSize; i++) {
    const size = Math.abs(x[from + i])
    if (size > most) [most, signed] = [size, x[from + i]]
  }
  const d = fround(signed / -8)
  const inverse = d === 0 ? 0 : fround(1 / d)
  out.setFloat16(at, d, true)
  const quantised = (i: number): number => Math.min(15, Math.trunc(fround(fround(x[from + i] * inverse) + 8.5)))
  for (let i = 0; i < 16; i++) out.setUint8(at + 2 + i, quantised(i) | (quantised(i + 16) << 4))
}

/** Numbers from their stored form. */
export function decodeNumbers(type: StorableType, bytes: Uint8Array): Float32Array {
  // a copy stands at a multiple of any element's size
  const { buffer } = bytes.slice()
  if (type === 'f32') return new Float32Array(buffer)
  if (type === 'f16') return Float32Array.from(new Float16Array(buffer))
  if (type === 'bf16') {
    const x = new Float32Array(bytes.length / 2)
    kernels.convert(new Uint16Array(buffer), x, x.length)
    return x
  }
  const size = tensorTypes[type].bytes
  const view = new DataView(buffer)
  const x = new Float32Array((bytes.length / size) * blockSize)
  for (let at = 0, to = 0; at < bytes.length; at += size, to += blockSize) {
    const d = view.getFloat16(at, true)
    for (let i = 0; i < blockSize; i++) {
      if (type === 'q8_0') x[to + i] = d * view.getInt8(at + 2 + i)
      else x[to + i] = d * (((view.getUint8(at + 2 + (i % 16)) >> (i < 16 ? 0 : 4)) & 15) - 8)
    }
  }
  return x
}
