// ---- the tokenizer ----
export { type DecodeOptions, type EncodeOptions, Tokenizer, type TokenizerParts } from './tokenizer.ts'
export type { StreamDecoder } from './stream.ts'
// ---- training ----
export { LARGEST_VOCABULARY, type TrainOptions, trainTokenizer } from './train.ts'
// ---- choices ----
export { DEFAULT_PATTERN, PATTERNS } from './pattern.ts'
export { DEFAULT_SPECIAL_TOKENS } from './special.ts'
// ---- the file format ----
export type { TokenizerJson } from './json.ts'
