// Reader and writer of safetensors files: 8 bytes of header length, a JSON header, then the raw arrays.
//
// A file is a stranger's: the header's length is checked against the file before it is read, and every
// dtype, shape and offset before any array is, so that a corrupt file costs an error and never memory or
// a wrong weight. As the format asks, arrays must tile the data section with no hole and no overlap.
// Format: huggingface/safetensors README ("Format"); the 100 MB cap on the header is the one used there.
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { isRecord, PolluxError } from '../util/index.ts'

/** Largest header that is read or written (huggingface/safetensors MAX_HEADER_SIZE). */
const maxHeaderBytes = 100_000_000
/** Arrays start at a multiple of this; the header is padded with spaces. */
const alignment = 8

/** Dtypes that this program reads, as the header names them. It writes F32, BF16 and I32. */
export type StoredDtype = 'F32' | 'BF16' | 'F16' | 'I32'
export type StoredArray = Float32Array | Uint16Array | Int32Array

/** One array of a file. BF16 and F16 are a Uint16Array of their bits. */
export interface StoredTensor {
  dtype: StoredDtype
  shape: number[]
  data: StoredArray
}

/** An array to be written, or a function that makes it when its turn comes: a large model is never held twice. */
export interface WritableTensor {
  dtype: StoredDtype
  shape: number[]
  data: StoredArray | (() => StoredArray)
}

/** What a header says of an array. */
export interface TensorInfo {
  dtype: StoredDtype
  shape: number[]
}

/** An open file, of which arrays are read one at a time. */
export interface SafetensorsReader {
  readonly path: string
  readonly infos: ReadonlyMap<string, TensorInfo>
  readonly metadata: Record<string, string>
  /** All of an array. */
  read(name: string): StoredTensor
  /** Elements from .. from+count-1 of an array, without reading the others. */
  readRange(name: string, from: number, count: number): StoredArray
  [Symbol.dispose](): void
}

/** What a file holds. */
export interface SafetensorsFile {
  tensors: Map<string, StoredTensor>
  metadata: Record<string, string>
}

/** A file that is not valid safetensors, or holds what this program does not read. */
export class SafetensorsError extends PolluxError {
  constructor(path: string, problem: string, cause?: unknown) {
    super(`safetensors: ${path}: ${problem}`, { cause })
    this.name = 'SafetensorsError'
  }
}

/** Bytes of one element as it is stored. */
export const storedBytes: Record<StoredDtype, number> = { F32: 4, BF16: 2, F16: 2, I32: 4 }

interface Entry {
  name: string
  dtype: StoredDtype
  shape: number[]
  begin: number
  end: number
}

/**
 * Writes arrays to a new file, in the order given, and flushes it to disk.
 *
 * @param metadata strings for the header's __metadata__
 * @throws the file system's error (a full disk, say); the file is then incomplete, so write aside and rename
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Record<string, string> = {},
): void {
  const header = buildHeader(path, tensors, metadata)
  const file = openSync(path, 'w')
  try {
    writeAll(file, header)
    for (const [name, { dtype, shape, data }] of tensors) {
      const array = typeof data === 'function' ? data() : data
      checkBytes(path, name, { dtype, shape }, array)
      writeAll(file, asBytes(array))
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function buildHeader(
  path: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Record<string, string>,
): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = {}
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata
  let offset = 0
  for (const [name, tensor] of tensors) {
    const bytes = product(tensor.shape) * storedBytes[tensor.dtype]
    if (typeof tensor.data !== 'function') checkBytes(path, name, tensor, tensor.data)
    header[name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, offset + bytes] }
    offset += bytes
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const length = Math.ceil(json.length / alignment) * alignment
  if (length > maxHeaderBytes) throw new SafetensorsError(path, `header of ${length} bytes is over ${maxHeaderBytes}`)
  const out = new Uint8Array(8 + length).fill(0x20)
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true)
  out.set(json, 8)
  return out
}

function checkBytes(path: string, name: string, { dtype, shape }: TensorInfo, data: StoredArray): void {
  const bytes = product(shape) * storedBytes[dtype]
  if (bytes === data.byteLength) return
  throw new SafetensorsError(path, `${name}: ${dtype} [${shape}] needs ${bytes} bytes, got ${data.byteLength}`)
}

/**
 * Reads a whole file.
 *
 * @throws SafetensorsError saying what is wrong with it
 */
export function readSafetensors(path: string): SafetensorsFile {
  using file = openSafetensors(path)
  const tensors = new Map<string, StoredTensor>()
  for (const name of file.infos.keys()) tensors.set(name, file.read(name))
  return { tensors, metadata: file.metadata }
}

/**
 * Opens a file and checks its header; arrays are read when they are asked for. Close it (`using`).
 *
 * @throws SafetensorsError saying what is wrong with it
 */
export function openSafetensors(path: string): SafetensorsReader {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new SafetensorsError(path, 'cannot be opened', cause)
  }
  try {
    const { entries, metadata, dataStart } = readHeader(path, file)
    const byName = new Map(entries.map((entry) => [entry.name, entry]))
    const readRange = (name: string, from: number, count: number): StoredArray => {
      const entry = byName.get(name)
      if (!entry) throw new SafetensorsError(path, `${name}: is not in the file`)
      const data = newArray(entry.dtype, count)
      readAll(path, file, asBytes(data), dataStart + entry.begin + from * storedBytes[entry.dtype])
      return data
    }
    return {
      path,
      infos: byName,
      metadata,
      readRange,
      read(name) {
        const { dtype, shape } = byName.get(name) ?? { dtype: 'F32', shape: [] }
        return { dtype, shape, data: readRange(name, 0, product(shape)) }
      },
      [Symbol.dispose]: () => closeSync(file),
    }
  } catch (error) {
    closeSync(file)
    throw error
  }
}

function newArray(dtype: StoredDtype, count: number): StoredArray {
  if (dtype === 'F32') return new Float32Array(count)
  return dtype === 'I32' ? new Int32Array(count) : new Uint16Array(count)
}

function readHeader(path: string, file: number) {
  const size = fstatSync(file).size
  if (size < 8) throw new SafetensorsError(path, `file must have at least 8 bytes, got ${size}`)
  const prefix = new Uint8Array(8)
  readAll(path, file, prefix, 0)
  const length = new DataView(prefix.buffer).getBigUint64(0, true)
  const limit = Math.min(maxHeaderBytes, size - 8)
  if (length > BigInt(limit)) {
    throw new SafetensorsError(path, `header length must be at most ${limit} here, got ${length}`)
  }
  const bytes = new Uint8Array(Number(length))
  readAll(path, file, bytes, 8)
  const dataStart = 8 + bytes.length
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new SafetensorsError(path, 'header is not JSON', cause)
  }
  if (!isRecord(json)) throw new SafetensorsError(path, 'header must be a JSON object')
  const { __metadata__: metadata, ...rest } = json
  const entries = Object.entries(rest).map(([name, value]) => checkEntry(path, name, value))
  checkTiling(path, entries, size - dataStart)
  return { entries, metadata: checkMetadata(path, metadata), dataStart }
}

function checkMetadata(path: string, value: unknown): Record<string, string> {
  if (value === undefined) return {}
  if (!isRecord(value) || Object.values(value).some((entry) => typeof entry !== 'string')) {
    throw new SafetensorsError(path, '__metadata__ must map strings to strings')
  }
  return value as Record<string, string>
}

function checkEntry(path: string, name: string, value: unknown): Entry {
  const fail = (problem: string): never => {
    throw new SafetensorsError(path, `${name}: ${problem}`)
  }
  if (!isRecord(value)) return fail('entry must be an object')
  const { dtype, shape, data_offsets: offsets } = value
  if (dtype !== 'F32' && dtype !== 'BF16' && dtype !== 'F16' && dtype !== 'I32') {
    return fail(`dtype must be F32, BF16, F16 or I32, got ${JSON.stringify(dtype)}`)
  }
  if (!isSizes(shape)) return fail(`shape must be whole numbers, got ${JSON.stringify(shape)}`)
  if (!areWhole(offsets) || offsets.length !== 2) {
    return fail(`data_offsets must be two whole numbers, got ${JSON.stringify(offsets)}`)
  }
  const bytes = product(shape) * storedBytes[dtype]
  const [begin, end] = offsets
  if (end - begin !== bytes) {
    return fail(`${dtype} [${shape}] takes ${bytes} bytes, but data_offsets [${offsets}] hold ${end - begin}`)
  }
  return { name, dtype, shape, begin, end }
}

function checkTiling(path: string, entries: Entry[], dataBytes: number): void {
  let expected = 0
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== expected) {
      throw new SafetensorsError(path, `${name}: data must start at ${expected} (no hole, no overlap), got ${begin}`)
    }
    expected = end
  }
  if (expected !== dataBytes) {
    throw new SafetensorsError(path, `data section must have ${expected} bytes, got ${dataBytes} (truncated?)`)
  }
}

function readAll(path: string, file: number, into: Uint8Array<ArrayBuffer>, position: number): void {
  let done = 0
  while (done < into.length) {
    const got = readSync(file, into, done, Math.min(into.length - done, 1 << 30), position + done)
    if (got === 0) throw new SafetensorsError(path, `file ended at byte ${position + done}`)
    done += got
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, Math.min(bytes.length - done, 1 << 30))
  }
}

function asBytes(data: StoredArray): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
}

/** A shape: whole numbers whose product stays exact. Offsets have no product and need `areWhole` only. */
function isSizes(value: unknown): value is number[] {
  return areWhole(value) && Number.isSafeInteger(product(value) * 4)
}

function areWhole(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
}

function product(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1)
}
