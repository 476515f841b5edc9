// ---- shape ----
export {
  ConfigError,
  configDefaults,
  defaultLayerTypes,
  type LayerType,
  type ModelConfig,
  parseConfig,
  type RopeParameters,
} from './config.ts'
export { type Preset, type PresetName, preset, presetForDepth, presetNames } from './presets.ts'
export { routingKeys } from './configRouting.ts'
export { routingSpecKeys, withRouting } from './routingSpec.ts'
export { activeParameters, flopsPerToken, meanKeys } from './flops.ts'
export { denseOfSize, denseTwin } from './denseTwin.ts'
export { type ConfigName, configNames, namedConfig } from './namedConfigs.ts'
export { lengthenedConfig, type LengthenOptions, longestTurn, ropeFactorFor } from './lengthen.ts'
// ---- on paper ----
export {
  accountFor,
  type CacheShare,
  keyValueBytes,
  type ModelAccount,
  type Part,
  parts,
  type PartSize,
  type WeightDtype,
  weightBytes,
} from './account.ts'
export { type Capacity, isCapacitySpec, parseCapacity } from './capacity.ts'
// ---- the model ----
export { Block, type BlockContext, type BlockInputs, type BlockResult } from './block.ts'
export { Decoder, type ForwardOptions, type HiddenResult, type LossResult } from './decoder.ts'
export type { DecoderInput, Past } from './decoderInput.ts'
export { quantise, type WeightKind, weightKinds } from './freeze.ts'
export { upcycle, type UpcycleOptions } from './upcycle.ts'
export { type Model, MultimodalModel, type MultimodalInput, newModel } from './multimodal.ts'
export {
  type AudioConfig,
  type EmbedderConfig,
  isMultimodalConfig,
  type MultimodalConfig,
  multimodalConfigFile,
  parseMultimodalConfig,
  patchDim,
  type TowerConfig,
  type VisionConfig,
} from './multimodalConfig.ts'
export type { AudioTowerConfig, VisionTowerConfig } from './towerConfig.ts'
export { AudioTowerEmbedder, VisionTowerEmbedder } from './embedders/towers.ts'
export { soundTokensOf } from './towers/subsampling.ts'
export { multimodalPreset } from './multimodalPreset.ts'
export { loadAnyModel, loadMultimodal, saveAnyModel, saveMultimodal } from './multimodalCheckpoint.ts'

// ---- files ----
export {
  CheckpointError,
  fillDecoder,
  fillWeights,
  loadModel,
  modelTensors,
  type SaveOptions,
  saveModel,
  storedTensors,
  weightTensors,
} from './checkpoint.ts'
export { CheckpointReader } from './checkpointReader.ts'
export { copyCompanions, storedValues, writeTensors } from './checkpointWriter.ts'
export { configFile, configText, generationFile, type StoredAs } from './configFile.ts'
export { type LayerShape, layerShapes, ropeTurn } from './layers.ts'
export { recoverFolder, replaceFolder } from './replaceFolder.ts'
export {
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type SafetensorsReader,
  SafetensorsError,
  type StoredArray,
  type StoredDtype,
  type StoredTensor,
  type TensorInfo,
  type WritableTensor,
  writeSafetensors,
} from './safetensors.ts'
export * from './gguf/index.ts'
// ---- pictures and sounds as codes ----
export * from './mediaTokenizer/index.ts'
