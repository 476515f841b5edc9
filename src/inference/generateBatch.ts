// Continuing many prompts side by side, with pictures and sound in them: ids in, ids out.
//
// Each prompt is read once into a cache of its own; then every step computes one row for each that is still open. A row
// ends at a stop token or at its most tokens, and the batch when all have.
import type { Model } from '../model/index.ts'
import type { CacheDtype } from '../native/index.ts'
import type { Rng } from '../util/index.ts'
import { KvCache } from './cache.ts'
import { checkContext } from './generate.ts'
import { prefill, step } from './prefill.ts'
import type { Prompt } from './prompt.ts'
import { type SamplingOptions, sampleToken } from './sampling.ts'

export interface BatchGenerateOptions extends SamplingOptions {
  /** Most tokens to add to each. */
  maxTokens: number
  /** Tokens that end a row; the one drawn is not returned. */
  stopIds?: Iterable<number>
  rng: Rng
  /** Ids that may follow what a row has so far [from, to); default all. Called with the new ids of the row. */
  allowed?: (drawn: readonly number[]) => readonly [from: number, to: number] | undefined
  /** Default 'bf16'. */
  compute?: 'bf16' | 'f32'
  /** How keys and values are kept. Default that of `compute`. */
  kvDtype?: CacheDtype
}

/**
 * New ids of each prompt.
 *
 * @throws PolluxError when a prompt and its answer do not fit max_position_embeddings
 */
export async function generateBatch(
  model: Model,
  prompts: Prompt[],
  options: BatchGenerateOptions,
): Promise<number[][]> {
  const { compute = 'bf16', kvDtype = compute, maxTokens } = options
  const { max_position_embeddings: limit, vocab_size: vocab } = model.textConfig
  const given = prompts.map((_, i) => i).filter((i) => prompts[i].ids.length > 0)
  for (const i of given) checkContext(prompts[i].ids.length, maxTokens, limit)
  const stop = new Set(options.stopIds)
  const drawn: number[][] = prompts.map(() => [])
  const caches = prompts.map(() => new KvCache(model.textConfig, { dtype: kvDtype }))
  /** Draws the next id of a prompt; false at its end. */
  const goOn = (i: number, logits: Float32Array): boolean => {
    const next = draw(logits, drawn[i], options)
    if (stop.has(next)) return false
    drawn[i].push(next)
    return drawn[i].length < maxTokens
  }
  try {
    let open: number[] = []
    for (const i of maxTokens > 0 ? given : []) {
      if (goOn(i, await prefill(model, caches[i], prompts[i], { compute }))) open.push(i)
      else caches[i].release()
    }
    while (open.length > 0) {
      await new Promise((resolve) => setImmediate(resolve))
      const ids = Int32Array.from(open, (i) => drawn[i].at(-1)!)
      const logits = step(
        model,
        open.map((i) => caches[i]),
        ids,
        compute,
      )
      open = open.filter((i, row) => {
        const goes = goOn(i, logits.subarray(row * vocab, (row + 1) * vocab))
        if (!goes) caches[i].release()
        return goes
      })
    }
    return drawn
  } finally {
    for (const cache of caches) cache.release()
  }
}

function draw(logits: Float32Array, drawn: readonly number[], options: BatchGenerateOptions): number {
  const range = options.allowed?.(drawn)
  const [from, to] = range ?? [0, logits.length]
  return from + sampleToken(logits.subarray(from, to), options, options.rng)
}
