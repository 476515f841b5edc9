// Checkpoints of models that see and hear: the folder of checkpoint.ts with the trunk under `model.language_model.`, and
// beside it the embedders and towers under the names of transformers (model.embed_vision, model.vision_tower ...).
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Weight } from '../nn/index.ts'
import {
  fillDecoder,
  fillWeights,
  loadModel,
  modelTensors,
  type SaveOptions,
  saveModel,
  weightTensors,
} from './checkpoint.ts'
import { CheckpointError, CheckpointReader, readJson } from './checkpointReader.ts'
import { copyCompanions, writeJson, writeTensors } from './checkpointWriter.ts'
import { configText, generationFile } from './configFile.ts'
import { activeParameters } from './flops.ts'
import { type Model, MultimodalModel } from './multimodal.ts'
import {
  isMultimodalConfig,
  mediaParameters,
  type MultimodalConfig,
  multimodalConfigFile,
  parseMultimodalConfig,
} from './multimodalConfig.ts'
import { recoverFolder } from './replaceFolder.ts'
import { textPrefix } from './tensorNames.ts'

const trunkPrefix = 'model.language_model.'

/** Writes a model of either kind into an existing folder. */
export function saveAnyModel(folder: string, model: Model, options: SaveOptions = {}): void {
  if (model instanceof MultimodalModel) saveMultimodal(folder, model, options)
  else saveModel(folder, model, options)
}

/** Writes config.json, the tensors and generation_config.json into an existing folder. */
export function saveMultimodal(folder: string, model: MultimodalModel, options: SaveOptions = {}): void {
  const { dtype = 'bf16', maxShardBytes, companionsOf } = options
  writeFileSync(join(folder, 'config.json'), configText(multimodalConfigFile(model.config, dtype)))
  writeJson(join(folder, 'generation_config.json'), generationFile(model.textConfig))
  const trunk = modelTensors(model.text, dtype, trunkPrefix)
  writeTensors(folder, new Map([...trunk, ...weightTensors(mediaWeights(model), dtype)]), maxShardBytes)
  if (companionsOf !== undefined) copyCompanions(companionsOf, folder)
}

/**
 * Reads a checkpoint folder of either kind.
 *
 * @throws CheckpointError or ConfigError saying what is missing or does not fit
 */
export function loadAnyModel(folder: string): Model {
  recoverFolder(folder)
  // a folder without config.json is refused by loadModel, which says so
  const source = existsSync(join(folder, 'config.json')) ? readJson(folder, 'config.json') : null
  return isMultimodalConfig(source) ? loadMultimodal(folder) : loadModel(folder)
}

/**
 * Reads a model that `saveMultimodal` wrote, or a folder of Gemma 4 with its media parts, as transformers writes it.
 *
 * @throws CheckpointError or ConfigError saying what is missing or does not fit
 */
export function loadMultimodal(folder: string): MultimodalModel {
  recoverFolder(folder)
  const config = parseMultimodalConfig(readJson(folder, 'config.json'))
  using reader = new CheckpointReader(folder)
  checkSize(config, reader)
  const model = new MultimodalModel(config)
  fillDecoder(model.text, reader, textPrefix(reader.names))
  // files may also have the names of the model in memory
  const { names } = reader
  const isOwn = ({ parameter }: Weight): boolean => names.has(parameter.name)
  fillWeights(
    mediaWeights(model).map((weight) => (isOwn(weight) ? { ...weight, storedName: undefined } : weight)),
    reader,
  )
  reader.expectNoMore()
  return model
}

/** Embedders and towers. */
function mediaWeights({ vision, audio, frozen }: MultimodalModel): Weight[] {
  return [...(vision?.weights ?? []), ...(audio?.weights ?? []), ...frozen]
}

/** Refuses a config of more than twice the stored weights, as checkpoint.ts does for the trunk alone. */
function checkSize(config: MultimodalConfig, reader: CheckpointReader): void {
  const { text_config: text } = config
  const table = text.vocab_size_per_layer_input * text.num_hidden_layers * text.hidden_size_per_layer_input
  const trunk = activeParameters({ ...text, top_k_experts: text.num_experts }) + table
  const wanted = trunk + mediaParameters(config)
  if (wanted <= 2 * reader.size) return
  const problem = `its files must hold the ${wanted} weights of config.json, got ${reader.size}`
  throw new CheckpointError(reader.folder, problem, { hint: reader.foreignHint() })
}
