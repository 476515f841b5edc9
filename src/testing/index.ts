// ---- stand-ins ----
export { ByteTokenizer } from './byteTokenizer.ts'
export { MediaByteTokenizer } from './mediaTokenizer.ts'
export { engineDeath, type Script, ScriptedEngine, type ScriptedEngineOptions } from './scriptedEngine.ts'
export { chatTokenizer } from './chatTokenizer.ts'

// ---- engines ----
export { engineBench, type EngineBench } from './engineBench.ts'

// ---- files ----
export { tempFolder } from './tempFolder.ts'
export type { TempFolder } from './tempFolder.ts'

// ---- numbers ----
export { expectClose, fromBf16, normalArray, random, toBf16, type Tolerance } from './numbers.ts'

// ---- batches ----
export { type BatchShape, randomBatch, randomSource, repeatedSource } from './batches.ts'

// ---- ops: value and gradient against float64 ----
export { checkOp, type OpCase, type OpInput, opTolerance } from './gradientCheck.ts'
export { groupedLinearReference, linearReference } from './reference/linear.ts'
export { headLossReference } from './reference/headLoss.ts'

// ---- gradients and float64 references ----
export { dotProduct, finiteDifference } from './finiteDifference.ts'
export { adamwReference, type AdamwOptions } from './reference/adamw.ts'
export { combineReference, planReference, type PlanReference } from './reference/dispatch.ts'
export { embeddingReference } from './reference/embedding.ts'
export { gegluReference } from './reference/geglu.ts'
export { layerNormReference } from './reference/layerNorm.ts'
export { rmsNormReference } from './reference/norm.ts'
export { ropeReference } from './reference/rope.ts'
export { routerReference, type RouterOptions, type RouterResult } from './reference/router.ts'
export {
  attentionBackward,
  attentionForward,
  type AttentionGradients,
  type AttentionInputs,
  type AttentionShape,
} from './reference/attention.ts'

// ---- schemas ----
export { FORMAT_CHECKS, type JsonSchema, randomSchema, type SchemaCase } from './randomSchema.ts'
