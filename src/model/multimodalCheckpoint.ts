// Checkpoints of models with embedders: the folder of checkpoint.ts with the trunk under `model.language_model.`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kernels } from '../native/index.ts'
import type { Weight } from '../nn/index.ts'
import { CheckpointError, loadModel, saveModel, storedTensors } from './checkpoint.ts'
import { activeParameters } from './flops.ts'
import { type Model, MultimodalModel } from './multimodal.ts'
import { isMultimodalConfig, parseMultimodalConfig } from './multimodalConfig.ts'
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts'
import { storedPieces } from './tensorNames.ts'

const trunkPrefix = 'model.language_model.'

/** Writes a model of either kind into an existing folder. */
export function saveAnyModel(folder: string, model: Model, options: { dtype?: 'bf16' | 'f32' } = {}): void {
  if (!(model instanceof MultimodalModel)) return saveModel(folder, model, options)
  const { dtype = 'bf16' } = options
  const tensors = new Map<string, StoredTensor>()
  for (const [name, tensor] of storedTensors(model.text, dtype)) {
    tensors.set(name.replace(/^model\./, trunkPrefix), tensor)
  }
  for (const { parameter } of embedderWeights(model)) {
    const shape = [...parameter.shape]
    tensors.set(
      parameter.name,
      dtype === 'f32' ? { dtype: 'F32', shape, data: parameter.data } : toBf16(parameter.data, shape),
    )
  }
  writeFileSync(join(folder, 'config.json'), `${JSON.stringify(model.config, null, 2)}\n`)
  writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' })
}

/**
 * Reads a checkpoint folder of either kind.
 *
 * @throws CheckpointError or ConfigError saying what is missing or does not fit
 */
export function loadAnyModel(folder: string): Model {
  const path = join(folder, 'config.json')
  const source: unknown = existsSync(path) ? parseJson(path, folder) : null
  return isMultimodalConfig(source) ? loadMultimodal(folder, source) : loadModel(folder)
}

function loadMultimodal(folder: string, source: unknown): MultimodalModel {
  const config = parseMultimodalConfig(source)
  const file = join(folder, 'model.safetensors')
  if (!existsSync(file)) throw new CheckpointError(folder, 'model.safetensors is missing')
  const { tensors } = readSafetensors(file)
  const text = config.text_config
  const wanted = activeParameters({ ...text, top_k_experts: text.num_experts })
  const held = tensors.values().reduce((sum, { data }) => sum + data.length, 0)
  if (wanted > 2 * held) {
    throw new CheckpointError(folder, `model.safetensors must hold the ${wanted} weights of config.json, got ${held}`)
  }
  const model = new MultimodalModel(config)
  const remaining = new Set(tensors.keys())
  const take = (name: string, shape: readonly number[]): Float32Array => {
    const tensor = tensors.get(name)
    if (!tensor) throw new CheckpointError(folder, `tensor ${name} [${shape}] is missing`)
    if (tensor.shape.join() !== shape.join()) {
      throw new CheckpointError(folder, `tensor ${name} must have shape [${shape}], got [${tensor.shape}]`)
    }
    if (tensor.dtype === 'I32') throw new CheckpointError(folder, `tensor ${name} must be F32 or BF16, got I32`)
    remaining.delete(name)
    if (tensor.data instanceof Float32Array) return tensor.data
    const values = new Float32Array(tensor.data.length)
    kernels.convert(tensor.data as Uint16Array, values, values.length)
    return values
  }
  for (const weight of model.text.weights) {
    for (const { name, shape, offset } of storedPieces(weight)) {
      weight.parameter.data.set(take(name.replace(/^model\./, trunkPrefix), shape), offset)
    }
    weight.parameter.touch()
  }
  model.text.blocks.forEach((block, layer) => {
    block.layerScalar = take(`${trunkPrefix}layers.${layer}.layer_scalar`, [1])[0]
  })
  for (const { parameter } of embedderWeights(model)) {
    parameter.data.set(take(parameter.name, parameter.shape))
    parameter.touch()
  }
  if (remaining.size > 0) {
    const [first] = remaining
    throw new CheckpointError(
      folder,
      `${remaining.size} tensors belong to no part of this model, the first is ${first}`,
    )
  }
  return model
}

function embedderWeights({ vision, audio }: MultimodalModel): Weight[] {
  return [...(vision?.weights ?? []), ...(audio?.weights ?? [])]
}

function toBf16(values: Float32Array, shape: number[]): StoredTensor {
  const data = new Uint16Array(values.length)
  kernels.convert(values, data, values.length)
  return { dtype: 'BF16', shape, data }
}

function parseJson(path: string, folder: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new CheckpointError(folder, 'config.json is not JSON', { cause })
  }
}
