// ---- errors ----
export { PolluxError } from './errors.ts'
export { describeShape, ShapeError, type Shaped } from './shapeError.ts'
export { didYouMean, editDistance } from './didYouMean.ts'

// ---- random numbers ----
export { Rng, type RngState } from './rng.ts'

// ---- values from outside ----
export { isRecord } from './isRecord.ts'

// ---- arrays ----
export { concatIds } from './arrays.ts'
