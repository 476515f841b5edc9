// GGUF, the one-file format of llama.cpp: what its numbers mean, shared by the writer and the reader.
//
//   magic "GGUF", version, number of tensors, number of keys           u32, u32, u64, u64
//   keys        name, type, value                                      strings are u64 length + UTF-8
//   tensors     name, dimensions (fastest first), type, offset          offsets count from the data's start
//   data        each tensor at a multiple of the alignment (32 bytes)
//
// All little-endian. Format: ggml docs/gguf.md. Quantised types store blocks of 32 numbers of a row (blocks.ts).
import { PolluxError } from '../../util/index.ts'

export const ggufMagic = 0x46554747
export const ggufVersion = 3
export const ggufAlignment = 32

/** Types of a key's value, by their number in the file. */
export const valueTypes = [
  ...(['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'bool', 'string', 'array', 'u64', 'i64', 'f64'] as const),
] as const
export type GgufValueType = (typeof valueTypes)[number]

/** A key's value as it is written. Arrays hold one scalar type. */
export type GgufValue =
  | { type: 'u32' | 'i32' | 'f32'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'array'; of: 'u32' | 'i32' | 'f32'; value: ArrayLike<number> }
  | { type: 'array'; of: 'bool'; value: boolean[] }
  | { type: 'array'; of: 'string'; value: string[] }

/** A key's value as it is read; whole numbers of 64 bits are numbers where they are exact. */
export type GgufPlain = number | bigint | boolean | string | (number | bigint | boolean | string)[]

/** Layout of a tensor type: so many numbers of a row in so many bytes. */
interface Layout {
  id: number
  numbers: number
  bytes: number
}

/** Tensor types by name. Those of `storableTypes` are read and written, the others only told. */
export const tensorTypes = {
  f32: { id: 0, numbers: 1, bytes: 4 },
  f16: { id: 1, numbers: 1, bytes: 2 },
  q4_0: { id: 2, numbers: 32, bytes: 18 },
  q4_1: { id: 3, numbers: 32, bytes: 20 },
  q5_0: { id: 6, numbers: 32, bytes: 22 },
  q5_1: { id: 7, numbers: 32, bytes: 24 },
  q8_0: { id: 8, numbers: 32, bytes: 34 },
  q2_k: { id: 10, numbers: 256, bytes: 84 },
  q3_k: { id: 11, numbers: 256, bytes: 110 },
  q4_k: { id: 12, numbers: 256, bytes: 144 },
  q5_k: { id: 13, numbers: 256, bytes: 176 },
  q6_k: { id: 14, numbers: 256, bytes: 210 },
  bf16: { id: 30, numbers: 1, bytes: 2 },
} as const satisfies Record<string, Layout>

export type GgufTensorType = keyof typeof tensorTypes

export const storableTypes = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0'] as const
export type StorableType = (typeof storableTypes)[number]

/** Bytes of a tensor; undefined where its rows are no whole number of blocks. */
export function tensorBytes(type: GgufTensorType, shape: readonly number[]): number | undefined {
  const { numbers, bytes } = tensorTypes[type]
  const row = shape.at(-1) ?? 1
  if (row % numbers !== 0) return undefined
  return (shape.reduce((product, size) => product * size, 1) / numbers) * bytes
}

/** The next multiple of `alignment`. */
export function aligned(offset: number, alignment: number = ggufAlignment): number {
  return Math.ceil(offset / alignment) * alignment
}

/** A file that is not valid GGUF, or a model that the format cannot carry. */
export class GgufError extends PolluxError {
  constructor(what: string, problem: string, options: { hint?: string; cause?: unknown } = {}) {
    super(`gguf: ${what}: ${problem}`, options)
    this.name = 'GgufError'
  }
}
