// Continuing a sequence of tokens: ids in, ids out, never text.
//
// The plainest form: the whole context is computed again for every token. It is the reference that an engine
// with a key-value cache is held against.
import type { Decoder } from '../model/index.ts'
import { fromArray, memoryScope } from '../tensor/index.ts'
import type { Rng } from '../util/index.ts'
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
  /** Most tokens of context; older ones are dropped. Default and limit: max_position_embeddings. */
  context?: number
}

/**
 * Yields new token ids one by one.
 *
 * @param prompt at least one id; longer than the context, only its end is used
 */
export async function* generate(
  model: Decoder,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
): AsyncGenerator<number> {
  if (prompt.length === 0) throw new Error('generate: prompt must have at least 1 token, got 0')
  const limit = model.config.max_position_embeddings
  const context = Math.min(options.context ?? limit, limit)
  const stop = new Set(options.stopIds)
  const ids = Array.from(prompt)
  for (let i = 0; i < options.maxTokens; i++) {
    const logits = lastLogits(model, ids.slice(-context), options.compute)
    const next = sampleToken(logits, options, options.rng)
    if (stop.has(next)) return
    ids.push(next)
    yield next
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Logits [V] of the token after `ids`. */
export function lastLogits(model: Decoder, ids: number[], compute: 'bf16' | 'f32' = 'bf16'): Float32Array {
  using _scope = memoryScope()
  const { hidden } = model.forward({ ids: Int32Array.from(ids), batch: 1, time: ids.length }, { compute })
  const dim = model.config.hidden_size
  const last = hidden.toFloat32().subarray((ids.length - 1) * dim, ids.length * dim)
  return model.logits(fromArray(last, [1, dim], { dtype: compute }))
}
