// The tensors of a checkpoint folder, in one file or in shards, read one at a time.
//
//   model.safetensors                       or
//   model.safetensors.index.json            { weight_map: { tensor: file } }
//   model-00001-of-00003.safetensors ...
//
// Values go straight into the f32 arrays of a model, by pieces of a few megabytes: a checkpoint is never in memory beside
// the model. Every tensor that is asked for is checked off, so that what is left over can be named.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { kernels } from '../native/index.ts'
import { isRecord, PolluxError } from '../util/index.ts'
import { openSafetensors, type SafetensorsReader, type TensorInfo } from './safetensors.ts'

/** A checkpoint that is absent, damaged, or of another model. */
export class CheckpointError extends PolluxError {
  constructor(folder: string, problem: string, options: { hint?: string; cause?: unknown } = {}) {
    super(`checkpoint: ${folder}: ${problem}`, options)
    this.name = 'CheckpointError'
  }
}

export const singleFile = 'model.safetensors'
export const indexFile = 'model.safetensors.index.json'

/** Elements read at a time. */
const pieceSize = 1 << 20

export class CheckpointReader {
  readonly folder: string
  readonly #files: SafetensorsReader[]
  readonly #where = new Map<string, SafetensorsReader>()
  readonly #remaining: Set<string>

  /** Opens the file or shards of a folder. Close it (`using`). @throws CheckpointError, SafetensorsError */
  constructor(folder: string) {
    this.folder = folder
    this.#files = []
    try {
      if (existsSync(join(folder, indexFile))) this.#openShards()
      else if (existsSync(join(folder, singleFile))) this.#open(singleFile)
      else throw new CheckpointError(folder, `${singleFile} is missing (nor is there ${indexFile})`)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
    this.#remaining = new Set(this.#where.keys())
  }

  /** Names of all tensors. */
  get names(): ReadonlySet<string> {
    return new Set(this.#where.keys())
  }

  /** Tensors that nobody has taken or ignored. */
  get remaining(): ReadonlySet<string> {
    return this.#remaining
  }

  /** Number of stored elements. */
  get size(): number {
    return this.names.values().reduce((sum, name) => sum + elements(this.info(name)!.shape), 0)
  }

  info(name: string): TensorInfo | undefined {
    return this.#where.get(name)?.infos.get(name)
  }

  /**
   * Reads a tensor into `target`, as f32.
   *
   * @param shape what it must be; its product is the length of target
   * @param less added to each value: what the file has left off
   * @throws CheckpointError when it is missing, of another shape, or of whole numbers
   */
  take(name: string, shape: readonly number[], target: Float32Array, less = 0): void {
    const { dtype } = this.#checked(name, shape)
    const file = this.#where.get(name)!
    for (let from = 0; from < target.length; from += pieceSize) {
      const count = Math.min(pieceSize, target.length - from)
      const stored = file.readRange(name, from, count)
      const piece = target.subarray(from, from + count)
      if (stored instanceof Float32Array) piece.set(stored)
      else if (dtype === 'BF16') kernels.convert(stored as Uint16Array, piece, count)
      // bits of IEEE half floats
      else piece.set(new Float16Array(stored.buffer, stored.byteOffset, count))
      if (less !== 0) for (let i = 0; i < count; i++) piece[i] += less
    }
    this.#remaining.delete(name)
  }

  /** Says that some tensors are known and not wanted. */
  ignore(isKnown: (name: string) => boolean): void {
    for (const name of this.#remaining) if (isKnown(name)) this.#remaining.delete(name)
  }

  /** @throws CheckpointError naming a tensor that was neither taken nor ignored, if there is one */
  expectNoMore(): void {
    const { size } = this.#remaining
    const [first] = this.#remaining
    if (size === 0) return
    const verb = size === 1 ? 'tensor belongs' : 'tensors belong'
    throw new CheckpointError(this.folder, `${size} ${verb} to no part of this model, the first is ${first}`)
  }

  /** What to look at when a name is not there. */
  foreignHint(): string {
    const [first] = this.#remaining
    return first === undefined ? 'the file holds no more tensors' : `the file has ${first}; is it of this architecture?`
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file[Symbol.dispose]()
  }

  #checked(name: string, shape: readonly number[]): TensorInfo {
    const info = this.info(name)
    if (!info) {
      throw new CheckpointError(this.folder, `tensor ${name} [${shape}] is missing`, { hint: this.foreignHint() })
    }
    if (info.shape.length !== shape.length || info.shape.some((size, i) => size !== shape[i])) {
      throw new CheckpointError(this.folder, `tensor ${name} must have shape [${shape}], got [${info.shape}]`)
    }
    if (info.dtype === 'I32') {
      throw new CheckpointError(this.folder, `tensor ${name} must be F32, BF16 or F16, got I32`)
    }
    return info
  }

  #open(name: string): SafetensorsReader {
    const file = openSafetensors(join(this.folder, name))
    this.#files.push(file)
    for (const tensor of file.infos.keys()) {
      if (this.#where.has(tensor))
        throw new CheckpointError(this.folder, `tensor ${tensor} must be in one file, got two`)
      this.#where.set(tensor, file)
    }
    return file
  }

  #openShards(): void {
    const index = readJson(this.folder, indexFile)
    const map = isRecord(index) ? index.weight_map : undefined
    if (!isRecord(map)) throw new CheckpointError(this.folder, `${indexFile} must have a weight_map`)
    const shards = new Map<string, SafetensorsReader>()
    for (const [tensor, shard] of Object.entries(map)) {
      if (typeof shard !== 'string' || !/^[^/\\]+\.safetensors$/.test(shard)) {
        throw new CheckpointError(
          this.folder,
          `${indexFile}: ${tensor} must be in a .safetensors file of the folder, got ${JSON.stringify(shard)}`,
        )
      }
      const file = shards.get(shard) ?? this.#open(shard)
      shards.set(shard, file)
      if (!file.infos.has(tensor)) {
        throw new CheckpointError(this.folder, `tensor ${tensor} is missing from ${shard}, where ${indexFile} has it`)
      }
    }
  }
}

/** A JSON file of a checkpoint folder. @throws CheckpointError */
export function readJson(folder: string, name: string): unknown {
  let text: string
  try {
    text = readFileSync(join(folder, name), 'utf8')
  } catch (cause) {
    throw new CheckpointError(folder, `${name} cannot be read`, { hint: 'is this the folder of a checkpoint?', cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CheckpointError(folder, `${name} is not JSON`, { cause })
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}
