// Media tokenizers on disk: a folder media-tokenizer/ with image/ and audio/, each of config.json and model.safetensors.
//
// A run keeps a copy inside its checkpoint: codes mean nothing without the tokenizer that made them. Loading trusts
// nothing: every field is checked, and every tensor's presence, dtype and shape before the model is filled.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRecord, PolluxError } from '../../util/index.ts'
import { readSafetensors, type StoredTensor, writeSafetensors } from '../safetensors.ts'
import { type FsqConfig, type MediaKind, parseFsqConfig } from './config.ts'
import { FsqTokenizer } from './tokenizer.ts'

/** The tokenizers of a model; either may be absent. */
export type MediaTokenizers = Partial<Record<MediaKind, FsqTokenizer>>

/** Name of the folder inside a run or a checkpoint. */
export const mediaTokenizerFolder = 'media-tokenizer'

const kinds: readonly MediaKind[] = ['image', 'audio']
const modelType = 'pollux_fsq_tokenizer'

/** A media tokenizer that is absent, damaged, or of another shape. */
export class MediaTokenizerError extends PolluxError {
  constructor(folder: string, problem: string, options: { hint?: string; cause?: unknown } = {}) {
    super(`media tokenizer: ${folder}: ${problem}`, options)
    this.name = 'MediaTokenizerError'
  }
}

/** Writes image/ and audio/ (those that are given) into `folder`, which is made if need be. */
export function saveMediaTokenizers(folder: string, tokenizers: MediaTokenizers): void {
  for (const kind of kinds) {
    const tokenizer = tokenizers[kind]
    if (tokenizer === undefined) continue
    mkdirSync(join(folder, kind), { recursive: true })
    saveMediaTokenizer(join(folder, kind), tokenizer)
  }
}

/** Writes config.json and model.safetensors (f32) of one tokenizer into an existing folder. */
export function saveMediaTokenizer(folder: string, tokenizer: FsqTokenizer): void {
  const config = { model_type: modelType, ...tokenizer.config }
  writeFileSync(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
  writeSafetensors(join(folder, 'model.safetensors'), storedTensors(tokenizer), { format: 'pt' })
}

/**
 * Reads what `saveMediaTokenizers` wrote.
 *
 * @throws MediaTokenizerError when there is none, or saying what does not fit
 */
export function loadMediaTokenizers(folder: string): MediaTokenizers {
  const present = kinds.filter((kind) => existsSync(join(folder, kind)))
  if (present.length === 0) {
    throw new MediaTokenizerError(folder, 'must hold image/ or audio/, got neither', {
      hint: 'npx pollux media-tokenizer trains both',
    })
  }
  return Object.fromEntries(present.map((kind) => [kind, loadOne(join(folder, kind), kind)]))
}

function loadOne(folder: string, kind: MediaKind): FsqTokenizer {
  const config = readConfig(folder)
  if (config.kind !== kind) throw new MediaTokenizerError(folder, `kind must be "${kind}", got "${config.kind}"`)
  const path = join(folder, 'model.safetensors')
  if (!existsSync(path)) throw new MediaTokenizerError(folder, 'model.safetensors is missing')
  const { tensors } = readSafetensors(path)
  checkSize(folder, config, tensors)
  const tokenizer = new FsqTokenizer(config)
  fill(folder, tokenizer, tensors)
  return tokenizer
}

function readConfig(folder: string): FsqConfig {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  } catch (cause) {
    throw new MediaTokenizerError(folder, 'config.json cannot be read as JSON', { cause })
  }
  if (!isRecord(value) || value.model_type !== modelType) {
    throw new MediaTokenizerError(folder, `config.json must have model_type "${modelType}"`, {
      hint: 'is this the folder of a media tokenizer?',
    })
  }
  try {
    return parseFsqConfig(value)
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message.replace(/^media tokenizer: /, '') : String(cause)
    throw new MediaTokenizerError(folder, `config.json: ${problem}`, { cause })
  }
}

/** The blocks alone, held against the file before memory is taken for them. */
function checkSize(folder: string, config: FsqConfig, tensors: Map<string, StoredTensor>): void {
  const { hidden, depth } = config
  const blocks = 2 * depth * 6 * hidden * hidden
  const held = tensors.values().reduce((sum, { data }) => sum + data.length, 0)
  if (blocks > held) {
    throw new MediaTokenizerError(
      folder,
      `model.safetensors must hold the ${blocks} weights of config.json, got ${held}`,
    )
  }
}

function storedTensors(tokenizer: FsqTokenizer): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>()
  for (const { name, shape, data } of arraysOf(tokenizer)) tensors.set(name, { dtype: 'F32', shape, data })
  return tensors
}

/** Every array of a tokenizer under its stored name. */
function arraysOf(tokenizer: FsqTokenizer): { name: string; shape: number[]; data: Float32Array }[] {
  const { mean, deviation, weights } = tokenizer
  return [
    { name: 'mean', shape: [mean.length], data: mean },
    { name: 'deviation', shape: [deviation.length], data: deviation },
    ...weights.map(({ parameter }) => ({ name: parameter.name, shape: [...parameter.shape], data: parameter.data })),
  ]
}

function fill(folder: string, tokenizer: FsqTokenizer, tensors: Map<string, StoredTensor>): void {
  const remaining = new Set(tensors.keys())
  for (const { name, shape, data } of arraysOf(tokenizer)) {
    const stored = tensors.get(name)
    if (stored === undefined) throw new MediaTokenizerError(folder, `tensor ${name} [${shape}] is missing`)
    if (stored.dtype !== 'F32') throw new MediaTokenizerError(folder, `tensor ${name} must be F32, got ${stored.dtype}`)
    if (stored.shape.length !== shape.length || stored.shape.some((size, i) => size !== shape[i]))
      throw new MediaTokenizerError(folder, `tensor ${name} must have shape [${shape}], got [${stored.shape}]`)
    if (!stored.data.every((x) => Number.isFinite(x)))
      throw new MediaTokenizerError(folder, `tensor ${name} must hold finite numbers`)
    data.set(stored.data)
    remaining.delete(name)
  }
  const [extra] = remaining
  if (extra !== undefined) throw new MediaTokenizerError(folder, `tensor ${extra} belongs to no part of it`)
  if (!tokenizer.deviation.every((x) => x > 0)) throw new MediaTokenizerError(folder, 'deviation must be above 0')
  for (const { parameter } of tokenizer.weights) parameter.touch()
}
