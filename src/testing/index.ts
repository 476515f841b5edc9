// ---- stand-ins ----
export { ByteTokenizer } from './byteTokenizer.ts'

// ---- files ----
export { tempFolder } from './tempFolder.ts'
export type { TempFolder } from './tempFolder.ts'

// ---- numbers ----
export { expectClose, fromBf16, normalArray, random, toBf16, type Tolerance } from './numbers.ts'

// ---- batches ----
export { type BatchShape, randomBatch, randomSource, repeatedSource } from './batches.ts'
// ---- ops: value and gradient against float64 ----
export { checkOp, numericGradient, type OpCase, type OpInput, opTolerance } from './gradientCheck.ts'
export { groupedLinearReference, linearReference } from './reference/linear.ts'
export { headLossReference } from './reference/headLoss.ts'
