// ---- errors ----
export { PolluxError } from './errors.ts'
export { didYouMean, editDistance } from './didYouMean.ts'

// ---- random numbers ----
export { Rng, type RngState } from './rng.ts'
