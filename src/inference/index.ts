// ---- token ids in, token ids out ----
export { type CachedGenerateOptions, generate, type GenerateOptions, generatePlainly, lastLogits } from './generate.ts'
export { type SamplingOptions, sampleToken } from './sampling.ts'
export { TokenSampler } from './tokenSampler.ts'
export { tokenLogprobs } from './logprobs.ts'
export { type BatchGenerateOptions, generateBatch } from './generateBatch.ts'
export type { Prompt, SoftSpan } from './prompt.ts'

// ---- the key-value cache ----
export { KvCache, type KvCacheOptions, past } from './cache.ts'
export { LayerPages, type LayerPagesOptions, type SharedPage } from './cachePages.ts'
export { type Page, PagePool } from './pagePool.ts'
export { prefill, type PrefillOptions, step } from './prefill.ts'

// ---- the engine ----
export { createEngine } from './engine/engine.ts'
export { startEngine, type ThreadedEngine } from './engine/startEngine.ts'
export type { EngineOptions } from './engine/options.ts'
export type { EngineSource } from './engine/wire.ts'
export { EngineClosedError, EngineFailedError, EngineFullError } from './engine/errors.ts'

// ---- grammars: what an output must match ----
export { type CompiledGrammar, compileGrammar, GrammarCache, type GrammarOptions } from './grammar/compile.ts'
export { type Forced, forcedTokens, type GrammarMatcher } from './grammar/matcher.ts'
export { GrammarVocabulary, type VocabularySource } from './grammar/vocabulary.ts'
export { normaliseSchema } from './grammar/schema/normalise.ts'

// ---- what an engine is asked and answers ----
export type {
  Engine,
  EngineEvent,
  EngineRequest,
  EngineSampling,
  EngineStats,
  EngineUsage,
  ExpertShape,
  GrammarSpec,
  TokenLogprob,
} from './engineTypes.ts'
