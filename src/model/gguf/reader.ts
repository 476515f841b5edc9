// Reading a GGUF file of anyone's: keys and tensor table, then tensors one at a time.
//
// A file is a stranger's: each length is held against what is left of the file before memory is taken for it, and every
// dimension, offset and overlap is checked before a tensor is read. Versions 2 and 3 differ in nothing that is read here.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { decodeNumbers } from './blocks.ts'
import {
  aligned,
  ggufAlignment,
  GgufError,
  ggufMagic,
  type GgufPlain,
  type GgufTensorType,
  type GgufValueType,
  storableTypes,
  type StorableType,
  tensorBytes,
  tensorTypes,
  valueTypes,
} from './format.ts'

/** What the table says of a tensor. */
export interface GgufTensorInfo {
  name: string
  /** Slowest dimension first. */
  shape: number[]
  type: GgufTensorType
  /** From the start of the file. */
  offset: number
  bytes: number
}

/** An open file. Close it (`using`). */
export interface GgufReader {
  readonly path: string
  readonly version: number
  readonly keys: ReadonlyMap<string, GgufPlain>
  readonly tensors: ReadonlyMap<string, GgufTensorInfo>
  /** A tensor's numbers. @throws GgufError when it is not there, or of a type that is not read */
  read(name: string): Float32Array
  /** A tensor's stored bytes. */
  readBytes(name: string): Uint8Array
  [Symbol.dispose](): void
}

/** Longest list of dimensions (GGML_MAX_DIMS). */
const mostDimensions = 4
/** Longest name of a key or tensor. */
const longestName = 65_535
/** Bytes that the header is read by. */
const chunkBytes = 1 << 20

/** Opens a file and checks all of its header. @throws GgufError saying what is wrong with it */
export function openGguf(path: string): GgufReader {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new GgufError(path, 'cannot be opened', { cause })
  }
  try {
    const { version, keys, tensors } = readHeader(new Cursor(path, file))
    const readBytes = (name: string): Uint8Array => {
      const info = tensors.get(name)
      if (!info) throw new GgufError(path, `tensor ${name} is not in the file`)
      const bytes = new Uint8Array(info.bytes)
      readAll(path, file, bytes, info.offset)
      return bytes
    }
    return {
      ...{ path, version, keys, tensors, readBytes },
      read(name) {
        const type = tensors.get(name)?.type ?? 'f32'
        if ((storableTypes as readonly string[]).includes(type)) {
          return decodeNumbers(type as StorableType, readBytes(name))
        }
        throw new GgufError(path, `tensor ${name} must be ${storableTypes.join(', ')} to be read, got ${type}`)
      },
      [Symbol.dispose]: () => closeSync(file),
    }
  } catch (error) {
    closeSync(file)
    throw error
  }
}

function readHeader(cursor: Cursor) {
  const { path } = cursor
  if (cursor.left < 24) throw new GgufError(path, `must have at least 24 bytes, got ${cursor.left}`)
  const magic = cursor.u32()
  if (magic !== ggufMagic) throw new GgufError(path, 'must begin with "GGUF"', { hint: 'is this a GGUF file?' })
  const version = cursor.u32()
  if (version !== 2 && version !== 3) {
    throw new GgufError(path, `must be of version 2 or 3, little-endian, got ${version}`)
  }
  // a tensor takes at least 8 + 4 + 8 + 4 + 8 bytes in the table, a key 8 + 4 + 1
  const tensorCount = cursor.count('tensors', 32)
  const keyCount = cursor.count('keys', 13)
  const keys = new Map<string, GgufPlain>()
  for (let i = 0; i < keyCount; i++) {
    const key = cursor.string(longestName)
    if (keys.has(key)) throw new GgufError(path, `key ${shown(key)} must be there once, got two`)
    keys.set(key, readValue(cursor, key))
  }
  const alignment = alignmentOf(path, keys)
  const infos = Array.from({ length: tensorCount }, () => readInfo(cursor, alignment))
  const start = aligned(cursor.at, alignment)
  const tensors = new Map<string, GgufTensorInfo>()
  for (const info of infos) {
    if (tensors.has(info.name)) throw new GgufError(path, `tensor ${shown(info.name)} must be there once, got two`)
    tensors.set(info.name, { ...info, offset: start + info.offset })
  }
  checkPlaces(cursor, [...tensors.values()])
  return { version, keys, tensors }
}

function alignmentOf(path: string, keys: ReadonlyMap<string, GgufPlain>): number {
  const alignment = keys.get('general.alignment') ?? ggufAlignment
  const fits =
    typeof alignment === 'number' && alignment >= 8 && alignment <= 65_536 && Number.isInteger(Math.log2(alignment))
  if (!fits)
    throw new GgufError(path, `general.alignment must be a power of two from 8 to 65536, got ${String(alignment)}`)
  return alignment
}

function readValue(cursor: Cursor, key: string): GgufPlain {
  const type = readType(cursor, key)
  if (type !== 'array') return cursor.scalar(type)
  const of = readType(cursor, key)
  if (of === 'array') throw new GgufError(cursor.path, `key ${shown(key)} must be no list of lists`)
  const count = cursor.count(`entries of ${shown(key)}`, scalarBytes[of])
  const list: (number | bigint | boolean | string)[] = []
  for (let i = 0; i < count; i++) list.push(cursor.scalar(of))
  return list
}

function readType(cursor: Cursor, key: string): GgufValueType {
  const number = cursor.u32()
  const type = valueTypes.at(number)
  if (number < valueTypes.length && type !== undefined) return type
  throw new GgufError(
    cursor.path,
    `key ${shown(key)} must be of a known type (0 to ${valueTypes.length - 1}), got ${number}`,
  )
}

const typeOfId = new Map<number, GgufTensorType>(
  Object.entries(tensorTypes).map(([name, { id }]) => [id, name as GgufTensorType]),
)

function readInfo(cursor: Cursor, alignment: number): GgufTensorInfo {
  const { path } = cursor
  const name = cursor.string(longestName)
  const fault = (problem: string): GgufError => new GgufError(path, `tensor ${shown(name)} ${problem}`)
  const count = cursor.u32()
  if (count < 1 || count > mostDimensions) throw fault(`must have 1 to ${mostDimensions} dimensions, got ${count}`)
  const shape = Array.from({ length: count }, () => Number(cursor.u64())).reverse()
  const id = cursor.u32()
  const type = typeOfId.get(id)
  if (type === undefined)
    throw fault(`must be of a known type (${Object.keys(tensorTypes).join(', ')}), got number ${id}`)
  const offset = Number(cursor.u64())
  const size = shape.reduce((product, n) => product * n, 1)
  if (!Number.isSafeInteger(size) || shape.includes(0)) throw fault(`must have a size that can be, got [${shape}]`)
  const bytes = tensorBytes(type, shape)
  if (bytes === undefined || !Number.isSafeInteger(bytes)) {
    throw fault(`must have rows of whole blocks of ${tensorTypes[type].numbers}, got [${shape}]`)
  }
  if (offset % alignment !== 0) throw fault(`must begin at a multiple of ${alignment}, got ${offset}`)
  return { name, shape, type, offset, bytes }
}

/** Tensors must lie in the file, and not in one another. */
function checkPlaces({ path, size }: Cursor, infos: GgufTensorInfo[]): void {
  let end = 0
  for (const { name, offset, bytes } of infos.sort((a, b) => a.offset - b.offset)) {
    if (offset < end) throw new GgufError(path, `tensor ${shown(name)} must not lie in another one`)
    end = offset + bytes
    if (end > size)
      throw new GgufError(path, `tensor ${shown(name)} must end within the file's ${size} bytes, got ${end}`)
  }
}

function shown(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name)
}

/** Fewest bytes of a value in a list. */
const scalarBytes: Record<Exclude<GgufValueType, 'array'>, number> = {
  ...{ u8: 1, i8: 1, bool: 1, u16: 2, i16: 2, u32: 4, i32: 4, f32: 4, u64: 8, i64: 8, f64: 8, string: 8 },
}

/** Reads on through the file, a chunk at a time; throws at its end. */
class Cursor {
  readonly path: string
  readonly size: number
  at = 0
  readonly #file: number
  #bytes = new Uint8Array(0)
  #view = new DataView(this.#bytes.buffer)
  /** Place of #bytes in the file. */
  #from = 0

  constructor(path: string, file: number) {
    this.path = path
    this.#file = file
    this.size = fstatSync(file).size
  }

  get left(): number {
    return this.size - this.at
  }

  u32(): number {
    const at = this.#take(4)
    return this.#view.getUint32(at, true)
  }

  u64(): bigint {
    const at = this.#take(8)
    return this.#view.getBigUint64(at, true)
  }

  /** A number of things of at least `bytes` bytes each, which the rest of the file can hold. */
  count(what: string, bytes: number): number {
    const count = this.u64()
    const most = Math.floor(this.left / bytes)
    if (count > BigInt(most)) throw new GgufError(this.path, `${what} must be at most ${most} here, got ${count}`)
    return Number(count)
  }

  string(longest = Infinity): string {
    const length = this.count('bytes of a text', 1)
    if (length > longest) throw new GgufError(this.path, `a name must have at most ${longest} bytes, got ${length}`)
    const at = this.#take(length)
    return Buffer.from(this.#bytes.buffer, at, length).toString('utf8')
  }

  scalar(type: Exclude<GgufValueType, 'array'>): number | bigint | boolean | string {
    if (type === 'string') return this.string()
    const at = this.#take(scalarBytes[type])
    const view = this.#view
    if (type === 'bool') return view.getUint8(at) !== 0
    if (type === 'u8') return view.getUint8(at)
    if (type === 'i8') return view.getInt8(at)
    if (type === 'u16') return view.getUint16(at, true)
    if (type === 'i16') return view.getInt16(at, true)
    if (type === 'u32') return view.getUint32(at, true)
    if (type === 'i32') return view.getInt32(at, true)
    if (type === 'f32') return view.getFloat32(at, true)
    if (type === 'f64') return view.getFloat64(at, true)
    const whole = type === 'u64' ? view.getBigUint64(at, true) : view.getBigInt64(at, true)
    return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole
  }

  /** Where in #bytes the next `count` bytes stand: to be asked for first, since it may fetch others. */
  #take(count: number): number {
    if (count > this.left)
      throw new GgufError(this.path, `must have ${count} more bytes at ${this.at}, got ${this.left}`)
    if (this.at < this.#from || this.at + count > this.#from + this.#bytes.length) {
      const bytes = new Uint8Array(Math.min(this.left, Math.max(count, chunkBytes)))
      readAll(this.path, this.#file, bytes, this.at)
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer)
      this.#from = this.at
    }
    const place = this.at - this.#from
    this.at += count
    return place
  }
}

function readAll(path: string, file: number, bytes: Uint8Array, from: number): void {
  for (let done = 0; done < bytes.length;) {
    const count = readSync(file, bytes, done, bytes.length - done, from + done)
    if (count === 0) throw new GgufError(path, `must have ${bytes.length} bytes at ${from}, got ${done}`)
    done += count
  }
}
