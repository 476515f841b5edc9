// Writing a GGUF file: keys, tensor table, data. The file is written aside and renamed, so a full disk leaves no half of one.
//
// Tensors are taken in f32 and encoded in pieces when their turn comes: no second copy of the model is made.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { encodeNumbers } from './blocks.ts'
import {
  aligned,
  GgufError,
  ggufMagic,
  type GgufValue,
  type GgufValueType,
  ggufVersion,
  type StorableType,
  tensorBytes,
  tensorTypes,
  valueTypes,
} from './format.ts'

/** A tensor to be written. */
export interface GgufTensor {
  name: string
  /** Slowest dimension first, as everywhere here. */
  shape: readonly number[]
  /** How it is stored; rows of quantised types must be of a multiple of 32 numbers. */
  type: StorableType
  /** Called once, when it is written. */
  values: () => Float32Array
}

/** Numbers encoded at a time: a multiple of every block. */
const pieceSize = 1 << 20

/**
 * Writes a file.
 *
 * @param onProgress told bytes written and in all, after each tensor
 * @throws GgufError when a tensor cannot be stored so, or the file cannot be written; an old file is then untouched
 */
export function writeGguf(
  path: string,
  { keys, tensors }: { keys: ReadonlyMap<string, GgufValue>; tensors: readonly GgufTensor[] },
  onProgress?: (done: number, total: number) => void,
): void {
  const { header, offsets, total } = headerOf(path, keys, tensors)
  const aside = `${path}.tmp`
  let file: number
  try {
    file = openSync(aside, 'w')
  } catch (cause) {
    throw new GgufError(path, 'cannot be written', { cause })
  }
  try {
    writeFully(file, header)
    let at = 0
    tensors.forEach((tensor, i) => {
      writeFully(file, new Uint8Array(offsets[i] - at))
      at = offsets[i] + writeTensor(path, file, tensor)
      onProgress?.(at, total)
    })
    writeFully(file, new Uint8Array(total - at))
    fsyncSync(file)
    closeSync(file)
    renameSync(aside, path)
  } catch (cause) {
    try {
      closeSync(file)
    } catch {
      // closed already
    }
    rmSync(aside, { force: true })
    if (cause instanceof GgufError) throw cause
    throw new GgufError(path, `could not be written (${(cause as Error).message})`, { cause })
  }
}

function headerOf(path: string, keys: ReadonlyMap<string, GgufValue>, tensors: readonly GgufTensor[]) {
  const out = new ByteWriter()
  out.u32(ggufMagic)
  out.u32(ggufVersion)
  out.u64(tensors.length)
  out.u64(keys.size)
  for (const [key, value] of keys) {
    out.string(key)
    out.u32(typeNumber(value.type))
    writeValue(out, value)
  }
  const offsets: number[] = []
  const names = new Set<string>()
  let at = 0
  for (const { name, shape, type } of tensors) {
    const bytes = tensorBytes(type, shape)
    if (bytes === undefined || bytes === 0) {
      throw new GgufError(path, `${name} must have rows of whole blocks to be ${type}, got shape [${shape}]`)
    }
    if (names.has(name)) throw new GgufError(path, `tensors must have different names, got ${name} twice`)
    names.add(name)
    out.string(name)
    out.u32(shape.length)
    for (const size of shape.toReversed()) out.u64(size)
    out.u32(tensorTypes[type].id)
    out.u64(at)
    offsets.push(at)
    at = aligned(at + bytes)
  }
  out.pad(aligned(out.length))
  return { header: out.bytes(), offsets, total: at }
}

function typeNumber(type: GgufValueType): number {
  return valueTypes.indexOf(type)
}

function writeValue(out: ByteWriter, value: GgufValue): void {
  if (value.type !== 'array') {
    writeScalar(out, value.type, value.value)
    return
  }
  out.u32(typeNumber(value.of))
  out.u64(value.value.length)
  for (let i = 0; i < value.value.length; i++) writeScalar(out, value.of, value.value[i])
}

function writeScalar(out: ByteWriter, type: GgufValueType, value: number | boolean | string): void {
  if (type === 'string') out.string(value as string)
  else if (type === 'bool') out.u8(value ? 1 : 0)
  else if (type === 'f32') out.f32(value as number)
  else if (type === 'i32') out.i32(value as number)
  else out.u32(value as number)
}

/** Returns its bytes. */
function writeTensor(path: string, file: number, { name, shape, type, values }: GgufTensor): number {
  const x = values()
  const size = shape.reduce((product, n) => product * n, 1)
  if (x.length !== size) throw new GgufError(path, `${name} must have ${size} numbers, got ${x.length}`)
  let bytes = 0
  for (let from = 0; from < size; from += pieceSize) {
    const piece = x.subarray(from, Math.min(from + pieceSize, size))
    checkFinite(path, name, piece, type)
    const encoded = encodeNumbers(type, piece)
    writeFully(file, encoded)
    bytes += encoded.length
  }
  return bytes
}

/** Largest number of an f16; scales of blocks are of that type too. */
const largestF16 = 65_504

function checkFinite(path: string, name: string, x: Float32Array, type: StorableType): void {
  const most = { f32: Infinity, bf16: Infinity, f16: largestF16, q8_0: 127 * largestF16, q4_0: 8 * largestF16 }[type]
  for (const value of x) {
    if (Math.abs(value) <= most && value - value === 0) continue
    throw new GgufError(path, `${name} must hold numbers that ${type} can store, got ${value}`, {
      hint: Number.isFinite(value)
        ? '--type bf16 stores large numbers'
        : 'the weights are damaged: train or load again',
    })
  }
}

/** Grows as it is written to. */
class ByteWriter {
  length = 0
  #bytes = new Uint8Array(1 << 16)
  #view = new DataView(this.#bytes.buffer)

  u8(value: number): void {
    const at = this.#take(1)
    this.#view.setUint8(at, value)
  }

  u32(value: number): void {
    const at = this.#take(4)
    this.#view.setUint32(at, value, true)
  }

  i32(value: number): void {
    const at = this.#take(4)
    this.#view.setInt32(at, value, true)
  }

  f32(value: number): void {
    const at = this.#take(4)
    this.#view.setFloat32(at, value, true)
  }

  u64(value: number): void {
    const at = this.#take(8)
    this.#view.setBigUint64(at, BigInt(value), true)
  }

  string(text: string): void {
    const utf8 = Buffer.from(text, 'utf8')
    this.u64(utf8.length)
    const at = this.#take(utf8.length)
    this.#bytes.set(utf8, at)
  }

  /** Zeros up to a length. */
  pad(length: number): void {
    this.#take(length - this.length)
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  /** Where the next `count` bytes go: to be asked for first, since it may move them. */
  #take(count: number): number {
    const at = this.length
    this.length += count
    if (this.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.length))
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    return at
  }
}

function writeFully(file: number, bytes: Uint8Array): void {
  for (let from = 0; from < bytes.length;) from += writeSync(file, bytes, from)
}
