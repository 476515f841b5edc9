// ---- random numbers ----
export { Rng, type RngState } from './rng.ts'
