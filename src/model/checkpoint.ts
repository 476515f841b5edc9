// A model as a Hugging Face folder: config.json, model.safetensors, generation_config.json, and whatever the
// caller adds (tokenizer.json). transformers, vLLM and others read the same files.
//
// Loading trusts nothing: the config is validated, its size held against the stored weights before memory is
// taken for it, then each tensor's presence, shape and dtype, each with the name in the error.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kernels } from '../native/index.ts'
import { PolluxError } from '../util/index.ts'
import { type ModelConfig, parseConfig } from './config.ts'
import { Decoder } from './decoder.ts'
import { activeParameters } from './flops.ts'
import { recoverFolder } from './replaceFolder.ts'
import { readSafetensors, type SafetensorsFile, type StoredTensor, writeSafetensors } from './safetensors.ts'
import { storedPieces } from './tensorNames.ts'

/** A checkpoint that is absent, damaged, or of another model. */
export class CheckpointError extends PolluxError {
  constructor(folder: string, problem: string, options: { hint?: string; cause?: unknown } = {}) {
    super(`checkpoint: ${folder}: ${problem}`, options)
    this.name = 'CheckpointError'
  }
}

export interface SaveOptions {
  /** Dtype of the stored weights. Default 'bf16'. */
  dtype?: 'bf16' | 'f32'
}

/** Writes config.json, model.safetensors and generation_config.json into an existing folder. */
export function saveModel(folder: string, model: Decoder, { dtype = 'bf16' }: SaveOptions = {}): void {
  const { bos_token_id, eos_token_id, pad_token_id } = model.config
  const generation = {
    bos_token_id,
    eos_token_id,
    pad_token_id,
    do_sample: true,
    temperature: 1,
    top_k: 64,
    top_p: 0.95,
  }
  writeJson(join(folder, 'config.json'), configFile(model.config, dtype))
  writeJson(join(folder, 'generation_config.json'), generation)
  writeSafetensors(join(folder, 'model.safetensors'), storedTensors(model, dtype), { format: 'pt' })
}

/** The config with what transformers would otherwise fill with defaults of its own. */
function configFile(config: ModelConfig, dtype: 'bf16' | 'f32'): Record<string, unknown> {
  return {
    ...config,
    global_head_dim: config.head_dim,
    num_global_key_value_heads: config.num_key_value_heads,
    hidden_size_per_layer_input: 0,
    num_kv_shared_layers: 0,
    use_double_wide_mlp: false,
    attention_k_eq_v: false,
    attention_bias: false,
    dtype: dtype === 'bf16' ? 'bfloat16' : 'float32',
  }
}

/**
 * Reads a model that `saveModel` wrote, or any file of the same architecture and tensor names.
 *
 * @throws CheckpointError or ConfigError saying what is missing or does not fit
 */
export function loadModel(folder: string): Decoder {
  recoverFolder(folder)
  const config = parseConfig(readJson(folder, 'config.json'))
  const path = join(folder, 'model.safetensors')
  if (!existsSync(path)) throw new CheckpointError(folder, 'model.safetensors is missing')
  const file = readSafetensors(path)
  checkSize(config, file, folder)
  const model = new Decoder(config)
  fillModel(model, file, folder)
  return model
}

/**
 * Refuses a config of more than twice the stored weights, whose model could be of any size. One within twice
 * is built, so that the error can name the tensor that is missing.
 */
function checkSize(config: ModelConfig, { tensors }: SafetensorsFile, folder: string): void {
  // with every expert active these are all the matrices; the norms beside them are few
  const wanted = activeParameters({ ...config, top_k_experts: config.num_experts })
  const held = tensors.values().reduce((sum, { data }) => sum + data.length, 0)
  if (wanted > 2 * held) {
    throw new CheckpointError(folder, `model.safetensors must hold the ${wanted} weights of config.json, got ${held}`, {
      hint: foreignHint(new Set(tensors.keys())),
    })
  }
}

/** All tensors of a model under their stored names. */
export function storedTensors(model: Decoder, dtype: 'bf16' | 'f32'): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>()
  for (const weight of model.weights) {
    for (const { name, shape, offset, size } of storedPieces(weight)) {
      const values = weight.parameter.data.subarray(offset, offset + size)
      tensors.set(name, dtype === 'f32' ? { dtype: 'F32', shape, data: values } : toBf16(values, shape))
    }
  }
  model.blocks.forEach((block, layer) => {
    const value = Float32Array.of(block.layerScalar)
    tensors.set(
      layerScalarName(layer),
      dtype === 'f32' ? { dtype: 'F32', shape: [1], data: value } : toBf16(value, [1]),
    )
  })
  return tensors
}

function fillModel(model: Decoder, { tensors }: SafetensorsFile, folder: string): void {
  const remaining = new Set(tensors.keys())
  const take = (name: string, shape: number[]): Float32Array => {
    const tensor = tensors.get(name)
    if (!tensor)
      throw new CheckpointError(folder, `tensor ${name} [${shape}] is missing`, { hint: foreignHint(remaining) })
    if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i])) {
      throw new CheckpointError(folder, `tensor ${name} must have shape [${shape}], got [${tensor.shape}]`)
    }
    if (tensor.dtype === 'I32') throw new CheckpointError(folder, `tensor ${name} must be F32 or BF16, got I32`)
    remaining.delete(name)
    return toFloats(tensor)
  }
  for (const weight of model.weights) {
    for (const { name, shape, offset } of storedPieces(weight)) {
      weight.parameter.data.set(take(name, shape), offset)
    }
    weight.parameter.touch()
  }
  model.blocks.forEach((block, layer) => {
    if (tensors.has(layerScalarName(layer))) block.layerScalar = take(layerScalarName(layer), [1])[0]
  })
  if (remaining.size > 0) {
    const [first] = remaining
    throw new CheckpointError(
      folder,
      `${remaining.size} tensors belong to no part of this model, the first is ${first}`,
    )
  }
}

/** What to look at when a name is not there. */
function foreignHint(names: Set<string>): string | undefined {
  const [first] = names
  return first === undefined ? 'the file holds no more tensors' : `the file has ${first}; is it of this architecture?`
}

function layerScalarName(layer: number): string {
  return `model.layers.${layer}.layer_scalar`
}

function toBf16(values: Float32Array, shape: number[]): StoredTensor {
  const data = new Uint16Array(values.length)
  kernels.convert(values, data, values.length)
  return { dtype: 'BF16', shape, data }
}

function toFloats({ data }: StoredTensor): Float32Array {
  if (data instanceof Float32Array) return data
  const out = new Float32Array(data.length)
  kernels.convert(data as Uint16Array, out, data.length)
  return out
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)
}

function readJson(folder: string, name: string): unknown {
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
