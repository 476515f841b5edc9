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
// ---- sparse against dense ----
export { type CurvePoint, fallingCurve, lossAt, type Reached, tokensToReach } from './compareCurve.ts'
export { type MemoryUse, memoryUse } from './compareMemory.ts'
export { measurePaces, medianOf, type Pace, type Paced, type PaceOptions, paceRatio } from './comparePace.ts'
export { summariseRouting, totalLoad } from './compareRouting.ts'
export { deviation, type Interval, meanInterval, ratioInterval } from './compareStats.ts'
export { type Tuned, tuneRate } from './compareTune.ts'
export type { ReachMethod, RoutingSummary, TrialResult, Verdict } from './compareTypes.ts'
export { type Ablation, ablations, type Variant, variantsOf } from './compareVariants.ts'
export { verdict, type VerdictInput } from './compareVerdict.ts'
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
