// A model as a Hugging Face folder: config.json, its tensors, generation_config.json, and whatever the caller adds
// (tokenizer.json). transformers, vLLM and others read the same files.
//
// Loading trusts nothing: the config is validated, its size held against the stored weights before memory is
// taken for it, then each tensor's presence, shape and dtype, each with the name in the error.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRecord } from '../util/index.ts'
import { CheckpointError, CheckpointReader, readJson } from './checkpointReader.ts'
import { copyCompanions, storedValues, writeJson, writeTensors } from './checkpointWriter.ts'
import { type ModelConfig, parseConfig } from './config.ts'
import { configFile, configText, generationFile, type StoredAs } from './configFile.ts'
import { Decoder } from './decoder.ts'
import { families } from './family.ts'
import { activeParameters } from './flops.ts'
import { layerShapes } from './layers.ts'
import { recoverFolder } from './replaceFolder.ts'
import type { StoredTensor, WritableTensor } from './safetensors.ts'
import { ownPrefix, storedPieces, textPrefix, withPrefix } from './tensorNames.ts'
import type { RouterBuffer, Weight } from '../nn/index.ts'

export { CheckpointError } from './checkpointReader.ts'

export interface SaveOptions {
  /** Dtype of the stored weights. Default 'bf16'. */
  dtype?: StoredAs
  /** Largest file. Default 5 GB. */
  maxShardBytes?: number
  /** Checkpoint folder whose tokenizer and chat template go along. Default none. */
  companionsOf?: string
}

/** Writes config.json, the tensors and generation_config.json into an existing folder. */
export function saveModel(folder: string, model: Decoder, options: SaveOptions = {}): void {
  const { dtype = 'bf16', maxShardBytes, companionsOf } = options
  writeFileSync(join(folder, 'config.json'), configText(configFile(model.config, dtype)))
  writeJson(join(folder, 'generation_config.json'), generationFile(model.config))
  writeTensors(folder, modelTensors(model, dtype), maxShardBytes)
  if (companionsOf !== undefined) copyCompanions(companionsOf, folder)
}

/**
 * Reads a model that `saveModel` wrote, or any folder of a known architecture. Of one with media towers, the text model
 * is read.
 *
 * @throws CheckpointError or ConfigError saying what is missing or does not fit
 */
export function loadModel(folder: string): Decoder {
  recoverFolder(folder)
  const source = readJson(folder, 'config.json')
  const config = parseConfig(source)
  using reader = new CheckpointReader(folder)
  checkSize(config, reader)
  const model = new Decoder(config)
  const prefix = textPrefix(reader.names)
  fillDecoder(model, reader, prefix)
  // media towers and embedders are not the text model's
  if (isRecord(source) && isRecord(source.text_config)) reader.ignore((name) => mediaPart.test(name))
  reader.expectNoMore()
  return model
}

/** Names of what stands beside the text model in files. */
const mediaPart = /(^|\.)(vision_tower|audio_tower|vision_embedder|embed_vision|embed_audio|multi_modal_projector)\./

/**
 * Refuses a config of more than twice the stored weights, whose model could be of any size. One within twice
 * is built, so that the error can name the tensor that is missing.
 */
function checkSize(config: ModelConfig, reader: CheckpointReader): void {
  // with every expert active these are all the matrices; the norms beside them are few
  const table = config.vocab_size_per_layer_input * config.num_hidden_layers * config.hidden_size_per_layer_input
  const wanted = activeParameters({ ...config, top_k_experts: config.num_experts }) + table
  const held = reader.size
  if (wanted > 2 * held) {
    const problem = `its files must hold the ${wanted} weights of config.json, got ${held}`
    throw new CheckpointError(reader.folder, problem, { hint: reader.foreignHint() })
  }
}

/** All tensors of a model under their stored names, made when they are written; `prefix` in the place of `model.`. */
export function modelTensors(model: Decoder, dtype: StoredAs, prefix = ownPrefix): Map<string, WritableTensor> {
  const tensors = weightTensors(model.weights, dtype, prefix)
  if (families[model.config.model_type].layerScalar) {
    model.blocks.forEach(({ layerScalar }, layer) => {
      tensors.set(layerScalarName(layer, prefix), storedValues(Float32Array.of(layerScalar), [1], dtype))
    })
  }
  for (const { name, data } of routerState(model)) {
    tensors.set(withPrefix(name, prefix), storedValues(data, [data.length], 'f32'))
  }
  return tensors
}

/** The tensors of some weights under their stored names. */
export function weightTensors(
  weights: Iterable<Weight>,
  dtype: StoredAs,
  prefix = ownPrefix,
): Map<string, WritableTensor> {
  const tensors = new Map<string, WritableTensor>()
  for (const weight of weights) {
    for (const { name, shape, offset, size, less, reorder } of storedPieces(weight)) {
      const values = weight.parameter.data.subarray(offset, offset + size)
      tensors.set(withPrefix(name, prefix), storedValues(reorder?.(values) ?? values, shape, dtype, less))
    }
  }
  return tensors
}

/** `modelTensors` with all arrays made. */
export function storedTensors(model: Decoder, dtype: StoredAs): Map<string, StoredTensor> {
  const made = modelTensors(model, dtype)
    .entries()
    .map(([name, { data, ...info }]) => [name, { ...info, data: typeof data === 'function' ? data() : data }] as const)
  return new Map(made)
}

/** Reads all weights and constants of a text model whose names begin with `prefix`. */
export function fillDecoder(model: Decoder, reader: CheckpointReader, prefix = ownPrefix): void {
  fillWeights(model.weights, reader, prefix)
  const { config } = model
  if (families[config.model_type].layerScalar) {
    model.blocks.forEach((block, layer) => {
      const name = layerScalarName(layer, prefix)
      const value = new Float32Array(1)
      if (!reader.info(name)) return
      reader.take(name, [1], value)
      block.layerScalar = value[0]
    })
  }
  for (const { name, data } of routerState(model)) reader.take(withPrefix(name, prefix), [data.length], data)
  // layers with another layer's keys may still carry their own, which nothing reads
  const unused = new Set(
    layerShapes(config).flatMap(({ donor }, layer) =>
      donor === null
        ? []
        : ['k_proj', 'v_proj', 'k_norm', 'v_norm'].map((part) => `${prefix}layers.${layer}.self_attn.${part}.weight`),
    ),
  )
  reader.ignore((name) => unused.has(name))
}

/** Reads the values of some weights. @throws CheckpointError naming the first that is missing or does not fit */
export function fillWeights(weights: Iterable<Weight>, reader: CheckpointReader, prefix = ownPrefix): void {
  for (const weight of weights) {
    for (const { name, shape, offset, size, less, reorder } of storedPieces(weight)) {
      const values = weight.parameter.data.subarray(offset, offset + size)
      reader.take(withPrefix(name, prefix), shape, values, less)
      if (reorder) values.set(reorder(values))
    }
    weight.parameter.touch()
  }
}

/** State of routers that belongs to the model: in files in f32, since small differences decide who is chosen. */
function routerState(model: Decoder): RouterBuffer[] {
  return model.routers.flatMap(({ buffers }) => buffers.filter(({ transient }) => !transient))
}

function layerScalarName(layer: number, prefix: string): string {
  return `${prefix}layers.${layer}.layer_scalar`
}
