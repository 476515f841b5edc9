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
export { activeParameters, flopsPerToken, meanKeys } from './flops.ts'
// ---- the model ----
export { Block, type BlockContext, type BlockInputs, type BlockResult } from './block.ts'
export { Decoder, type DecoderInput, type ForwardOptions, type HiddenResult, type LossResult } from './decoder.ts'
export { type Model, MultimodalModel, type MultimodalInput, newModel } from './multimodal.ts'
export { isMultimodalConfig, type MultimodalConfig, parseMultimodalConfig, patchDim } from './multimodalConfig.ts'
export { multimodalPreset } from './multimodalPreset.ts'
export { loadAnyModel, saveAnyModel } from './multimodalCheckpoint.ts'

// ---- files ----
export { CheckpointError, loadModel, type SaveOptions, saveModel, storedTensors } from './checkpoint.ts'
export { recoverFolder, replaceFolder } from './replaceFolder.ts'
export {
  readSafetensors,
  type SafetensorsFile,
  SafetensorsError,
  type StoredArray,
  type StoredDtype,
  type StoredTensor,
  writeSafetensors,
} from './safetensors.ts'
// ---- pictures and sounds as codes ----
export * from './mediaTokenizer/index.ts'
