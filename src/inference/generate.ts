// Continuing a sequence of tokens: ids in, ids out, never text.
//
// `generate` reads the prompt once into a key-value cache and then computes one row a token. `generatePlainly` computes
// the whole context again for every token: the reference that the cache is held against.
import type { Decoder } from '../model/index.ts'
import type { CacheDtype } from '../native/index.ts'
import { fromArray, memoryScope } from '../tensor/index.ts'
import { PolluxError, type Rng } from '../util/index.ts'
import { KvCache } from './cache.ts'
import { prefill, step } from './prefill.ts'
import { type SamplingOptions, sampleToken } from './sampling.ts'

export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to add. */
  maxTokens: number
  /** Tokens that end the text; the one drawn is not returned. Default none. */
  stopIds?: Iterable<number>
  /** Source of randomness; unused when temperature is 0. */
  rng: Rng
  /** Arithmetic. Default 'bf16'. */
  compute?: 'bf16' | 'f32'
}

export interface CachedGenerateOptions extends GenerateOptions {
  /** How keys and values are kept. Default that of `compute`. */
  kvDtype?: CacheDtype
  /** Tokens of a chunk of the prompt. Default 512. */
  chunk?: number
  /** Told tokens of the prompt read, and in all, after every chunk. */
  onProgress?: (done: number, total: number) => void
}

/**
 * Yields new token ids one by one.
 *
 * @param prompt at least one id
 * @throws PolluxError when prompt and maxTokens do not fit max_position_embeddings
 */
export async function* generate(
  model: Decoder,
  prompt: ArrayLike<number>,
  options: CachedGenerateOptions,
): AsyncGenerator<number> {
  const { maxTokens, compute = 'bf16', kvDtype = compute, chunk, onProgress } = options
  checkContext(prompt.length, maxTokens, model.config.max_position_embeddings)
  if (maxTokens < 1) return
  const stop = new Set(options.stopIds)
  using cache = new KvCache(model.config, { dtype: kvDtype })
  let logits = await prefill(model, cache, { ids: Int32Array.from(prompt) }, { compute, chunk, onProgress })
  for (let drawn = 0; ;) {
    const next = sampleToken(logits, options, options.rng)
    if (stop.has(next)) return
    yield next
    if (++drawn >= maxTokens) return
    await new Promise((resolve) => setImmediate(resolve))
    logits = step(model, [cache], Int32Array.of(next), compute)
  }
}

/** The same without a cache: older tokens than max_position_embeddings are dropped. */
export async function* generatePlainly(
  model: Decoder,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
): AsyncGenerator<number> {
  if (prompt.length === 0) throw new PolluxError('generate: prompt must have at least 1 token, got 0')
  const stop = new Set(options.stopIds)
  const ids = Array.from(prompt)
  for (let i = 0; i < options.maxTokens; i++) {
    const logits = lastLogits(model, ids.slice(-model.config.max_position_embeddings), options.compute)
    const next = sampleToken(logits, options, options.rng)
    if (stop.has(next)) return
    ids.push(next)
    yield next
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Logits [V] of the token after `ids`, all computed anew. */
export function lastLogits(model: Decoder, ids: number[], compute: 'bf16' | 'f32' = 'bf16'): Float32Array {
  using _scope = memoryScope()
  const { hidden } = model.forward({ ids: Int32Array.from(ids), batch: 1, time: ids.length }, { compute })
  const dim = model.config.hidden_size
  const last = hidden.toFloat32().subarray((ids.length - 1) * dim, ids.length * dim)
  return model.logits(fromArray(last, [1, dim], { dtype: compute }))
}

/** @throws PolluxError unless a prompt, and all but the last token to come, fit the context */
export function checkContext(prompt: number, maxTokens: number, limit: number): void {
  if (prompt === 0) throw new PolluxError('generate: prompt must have at least 1 token, got 0')
  if (prompt > limit) {
    throw new PolluxError(`generate: prompt must be at most ${limit} tokens (max_position_embeddings), got ${prompt}`, {
      hint: 'shorten the prompt, or train the run to a longer context',
    })
  }
  if (prompt + maxTokens - 1 > limit) {
    throw new PolluxError(
      `generate: context must be at most ${limit} tokens (max_position_embeddings), got ${prompt} and ${maxTokens} to come`,
      { hint: `ask for at most ${limit - prompt + 1} tokens, or shorten the prompt` },
    )
  }
}
