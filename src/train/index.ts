// ---- types ----
export type * from './types.ts'
// ---- the loop ----
export { trainModel } from './loop.ts'
export { defaultTrainingOptions } from './options.ts'
export { type StepContext, type StepResult, trainStep } from './step.ts'
export { type EvalResult, evaluate } from './evaluate.ts'
export { checkpointFolder, savedOptions } from './resume.ts'
export { SkipStep } from './skipStep.ts'
// ---- routing ----
export {
  readRoutingRecord,
  RoutingRecord,
  type RoutingRecordLayer,
  routingRecordPath,
  type RoutingRecordStep,
} from './routingRecord.ts'
export { type RoutingAlert, type RoutingTrouble, RoutingWatch, type WatchedRouter } from './routingWatch.ts'
export type { RouterMetrics } from './metrics.ts'
// ---- figures ----
export { bitsPerByte, maxViolation } from './metrics.ts'
export { measurePeakGflops } from './peak.ts'
// ---- media tokenizers ----
export {
  type MediaTokenizerRequest,
  type MediaTokenizerSummary,
  type TokenizerStep,
  trainMediaTokenizer,
} from './mediaTokenizer.ts'
export { type CodeUsage, codeUsage, measureTokenizer, type TokenizerQuality } from './mediaTokenizerQuality.ts'
export {
  audioTokenizerShape,
  drawPatches,
  imageTokenizerShape,
  picturePatches,
  soundPatches,
} from './mediaTokenizerData.ts'
