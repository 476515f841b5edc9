// ---- token ids in, token ids out ----
export { type GenerateOptions, generate, lastLogits } from './generate.ts'
export { type SamplingOptions, sampleToken } from './sampling.ts'
export { type BatchGenerateOptions, generateBatch, type Prompt, type SoftSpan } from './generateBatch.ts'
