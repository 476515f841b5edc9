// One forward pass over many sequences, with as many rows of each as it has to give: one for a sequence that writes, some
// more where tokens are guessed or known ahead, hundreds where a prompt is read. Weights are read once for all of them.
//
//   rows of the pass   | a | b b b b | c c c c c c c c |          a writes, b checks guesses, c reads its prompt
//
// To the model each row is a sequence of one token at its own place; which rows belong together is known here alone, when
// keys are written and attended to. Nothing is committed: the caller says with `advance` how many rows each keeps.
// (Yu et al. 2022, Orca: batching by iteration; Agrawal et al. 2023, Sarathi: prompts in chunks beside decoding.)
import type { KeyValues, LayerMemory } from '../nn/index.ts'
import type { MultimodalInput, Past } from '../model/index.ts'
import { cachedAttention, type CachedSequence, writeKeyValues } from '../ops/index.ts'
import type { Parameter, Tensor } from '../tensor/index.ts'
import type { KvCache } from './cache.ts'
import { joinParts, type Prompt } from './prompt.ts'

/** Rows of one sequence: they go on where its cache ends. */
export interface PassPart {
  cache: KvCache
  rows: Prompt
}

/**
 * What the model takes to compute the rows of all parts, one after another.
 *
 * @param outputRows rows of the pass whose hidden states are wanted, rising
 */
export function raggedInput(parts: readonly PassPart[], outputRows: Int32Array): MultimodalInput {
  const input = joinParts(parts.map(({ rows }) => rows))
  return { ...input, batch: input.ids.length, time: 1, past: new RaggedPast(parts), outputRows }
}

class RaggedPast implements Past {
  readonly ragged = true
  readonly lengths: number[]
  readonly #parts: readonly PassPart[]
  /** First row of each part, and where the last one ends. */
  readonly #starts: number[] = [0]
  /** Factors of key norms, by layer: whoever reads a donor's pages needs the donor's. */
  readonly #keyNorms: Parameter[] = []

  constructor(parts: readonly PassPart[]) {
    this.#parts = parts
    for (const { rows } of parts) this.#starts.push(this.#starts.at(-1)! + rows.ids.length)
    this.lengths = parts.flatMap(({ cache, rows }) => Array.from(rows.ids, (_, i) => cache.length + i))
  }

  open() {
    for (const { cache, rows } of this.#parts) cache.reserve(rows.ids.length)
    return { layer: (layer: number, rows?: Int32Array) => this.#memory(layer, rows), commit: () => undefined }
  }

  #memory(layer: number, rows?: Int32Array): LayerMemory {
    return {
      add: (own: KeyValues, keyNorm: Parameter) => {
        this.#keyNorms[layer] = keyNorm
        writeKeyValues(
          own,
          this.#parts.map(({ cache, rows: { ids } }) => {
            const pages = cache.pages(layer)
            return { pages: pages.view, rows: ids.length, at: cache.length - pages.start }
          }),
        )
      },
      attend: (q: Tensor, options) =>
        cachedAttention(q, this.#seen(layer, rows), { ...options, keyNorm: this.#keyNorms[layer] ?? null }),
    }
  }

  /** What the asking rows of each part see; parts of which none asks are left out. */
  #seen(layer: number, rows?: Int32Array): CachedSequence[] {
    let next = 0
    return this.#parts.flatMap((part, i) => {
      const [start, end] = [this.#starts[i], this.#starts[i + 1]]
      if (!rows) return [seenBy(layer, part, places(0, end - start))]
      const from = next
      while (next < rows.length && rows[next] < end) next++
      return next > from
        ? [
            seenBy(
              layer,
              part,
              rows.subarray(from, next).map((row) => row - start),
            ),
          ]
        : []
    })
  }
}

/** The ranges of tokens that rows of a part see: causal or of their image block (sliding layers only), in the window. */
function seenBy(layer: number, { cache, rows }: PassPart, asking: Int32Array): CachedSequence {
  const pages = cache.pages(layer)
  const { window } = pages
  const offset = cache.length - pages.start
  if (window === null)
    return { pages: pages.view, first: new Int32Array(asking.length), last: asking.map((i) => offset + i) }
  const blockEnd = cache.config.use_bidirectional_attention === 'vision' ? rows.blockEnd : undefined
  return {
    pages: pages.view,
    first: asking.map((i) => Math.max(0, offset + i - window + 1)),
    last: asking.map((i) => offset + Math.min(Math.max(i, blockEnd?.[i] ?? i), i + window - 1)),
  }
}

function places(from: number, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => from + i)
}
