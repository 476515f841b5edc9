// ---- types ----

// ---- the loop ----
export { trainModel } from './loop.ts'
export type * from './types.ts'
