// Reading a prompt into a cache, chunk by chunk: memory stays that of a chunk, however long the prompt.
//
// Only the row after the prompt is wanted, so from the last layer with keys of its own on, other rows leave keys and values
// and nothing else. Where that layer is the one full layer (nano), no query ever looks over the whole prompt but the last.
// Full layers below cost the square of its length: progress is told after every chunk, and other work gets its turn.
import type { Model } from '../model/index.ts'
import { memoryScope } from '../tensor/index.ts'
import { PolluxError } from '../util/index.ts'
import { type KvCache, past } from './cache.ts'
import { joinRows, type Prompt, promptChunks } from './prompt.ts'

export interface PrefillOptions {
  /** Arithmetic. Default 'bf16'. */
  compute?: 'bf16' | 'f32'
  /** Tokens of a chunk. Default 512. */
  chunk?: number
  /** Called after every chunk with tokens read and tokens in all. */
  onProgress?: (done: number, total: number) => void
  /** Stops between two chunks by throwing its reason; what was read stays in the cache. */
  signal?: AbortSignal
}

/**
 * Reads a prompt behind what the cache holds.
 *
 * @returns logits [V] of the token after it
 * @throws PolluxError for an empty prompt, or one that does not fit what max_position_embeddings leaves
 */
export async function prefill(
  model: Model,
  cache: KvCache,
  prompt: Prompt,
  options: PrefillOptions = {},
): Promise<Float32Array> {
  const { compute = 'bf16', chunk = 512, onProgress, signal } = options
  const total = prompt.ids.length
  if (total === 0) throw new PolluxError('prefill: prompt must have at least 1 token, got 0')
  if (!Number.isInteger(chunk) || chunk < 1) {
    throw new PolluxError(`prefill: chunk must be a whole number of at least 1, got ${chunk}`)
  }
  if (total > cache.room) {
    const held = cache.length > 0 ? ` behind the ${cache.length} read before` : ''
    throw new PolluxError(
      `prefill: prompt must be at most ${cache.room} tokens${held} (max_position_embeddings), got ${total}`,
      { hint: 'shorten the prompt, or train the run to a longer context' },
    )
  }
  let done = 0
  let logits: Float32Array | undefined
  for (const part of promptChunks(prompt, chunk)) {
    signal?.throwIfAborted()
    done += part.ids.length
    const isLast = done === total
    logits = readChunk(model, cache, part, { compute, isLast })
    onProgress?.(done, total)
    if (!isLast) await new Promise((resolve) => setImmediate(resolve))
  }
  cache.trim()
  return logits!
}

function readChunk(
  model: Model,
  cache: KvCache,
  part: Prompt,
  { compute, isLast }: { compute: 'bf16' | 'f32'; isLast: boolean },
): Float32Array | undefined {
  using _scope = memoryScope()
  const time = part.ids.length
  const outputRows = isLast ? Int32Array.of(time - 1) : new Int32Array(0)
  const { hidden } = model.forward({ ...joinRows([[part, []]], time), past: past([cache]), outputRows }, { compute })
  return isLast ? model.logits(hidden) : undefined
}

/** Logits of the next token of every cache, [caches, V], after one more id each. */
export function step(
  model: Model,
  caches: readonly KvCache[],
  ids: Int32Array,
  compute: 'bf16' | 'f32' = 'bf16',
): Float32Array {
  using _scope = memoryScope()
  const { hidden } = model.forward({ ids, batch: caches.length, time: 1, past: past(caches) }, { compute })
  return model.logits(hidden)
}
