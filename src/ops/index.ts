// ---- dense ----
export { linear, type LinearOptions } from './linear.ts'
export { rmsNorm, type RmsNormOptions } from './norm.ts'
export { geglu } from './geglu.ts'
export { type Columns, joinColumns, reshape } from './columns.ts'
export { embedding, type EmbeddingOptions } from './embedding.ts'
export { add, cast, mul, scale, sum } from './elementwise.ts'
export { replaceRows, takeRows } from './rows.ts'
export { addBias, layerNorm, type LayerNormOptions } from './layerNorm.ts'
export { addGridPositions, type GridTableLayout } from './gridPositions.ts'

// ---- attention ----
export { queryHeads, type QueryHeadsOptions, splitHeads, type SplitHeadsOptions } from './splitHeads.ts'
export { attention, type AttentionOptions } from './attention.ts'
export {
  cachedAttention,
  type CachedAttentionOptions,
  type CachedSequence,
  type KeyValuePages,
  pageBytes,
  pageSizes,
  vectorBytes,
  writeKeyValues,
} from './cachedAttention.ts'
export { type AttentionMask, attentionMask, type AttentionMaskOptions } from './attentionMask.ts'

// ---- experts ----
export { route, type RouteOptions, type RouteResult } from './route.ts'
export { entropyOf, type RouteSample, routeSampling } from './routeSample.ts'
export { type Choice, dropOverflow, expertChoice, groupedTopK, roundRobin, wholeChoice } from './routeChoice.ts'
export { jitter, type JitterOptions } from './jitter.ts'
export { type DispatchPlan, dispatchPlan } from './dispatch.ts'
export { combine, groupedLinear, type GroupedLinearOptions } from './grouped.ts'

// ---- loss ----
export { headCrossEntropy, type HeadLoss, type HeadLossOptions } from './headLoss.ts'
export { squaredError } from './squaredError.ts'

// ---- quantization ----
export { fewestLevels, fsq, fsqDigits, fsqValues } from './fsq.ts'
