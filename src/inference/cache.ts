// The key-value cache of a sequence: what rows so far leave for those to come.
//
//   sliding layers     their window, in a ring of pages, and while a chunk passes that chunk
//   full layers        every token; where values are keys (attention_k_eq_v) one vector a head, from which both come
//   sharing layers     nothing: they read their donor's pages
//
// `past(caches)` is what a Decoder takes: it opens a pass, writes the pass's rows, attends, and commits at its end, so a
// pass that fails leaves the cache as it was. Numbers are bf16, or int8 with a scale a token and head (symmetric, of the
// largest magnitude): half the memory, and errors of half a percent of that magnitude. f32 is for comparisons.
// Memory is what `keyValueBytes` (src/model) says, rounded up to pages. Rows beyond a window are gone, so a cache cannot
// go back; `fork` keeps a point to begin from again. Shapes: R rows of a pass (batch*time), H query heads, G key/value heads, C head width.
import type { CacheDtype } from '../native/index.ts'
import type { KeyValues, LayerMemory } from '../nn/index.ts'
import { layerShapes, type LayerShape, type ModelConfig, type Past, ropeTurn } from '../model/index.ts'
import { cachedAttention, type CachedSequence, writeKeyValues } from '../ops/index.ts'
import type { Parameter, Tensor } from '../tensor/index.ts'
import { PolluxError } from '../util/index.ts'
import { LayerPages, type SharedPage } from './cachePages.ts'
import { PagePool } from './pagePool.ts'

export interface KvCacheOptions {
  /** Default 'bf16'. */
  dtype?: CacheDtype
  /** Where pages come from. Default one of its own, emptied by `release`. */
  pool?: PagePool
}

/** Keys and values of one sequence. Release it (or open it with `using`) when done: pages are not small. */
export class KvCache {
  readonly config: ModelConfig
  readonly dtype: CacheDtype
  readonly #pool: PagePool
  readonly #ownsPool: boolean
  /** By layer; null where a donor's are used. */
  readonly #layers: (LayerPages | null)[]
  #length = 0

  constructor(config: ModelConfig, { dtype = 'bf16', pool }: KvCacheOptions = {}) {
    this.config = config
    this.dtype = dtype
    this.#pool = pool ?? new PagePool()
    this.#ownsPool = pool === undefined
    this.#layers = layerShapes(config).map((shape) => this.#newLayer(shape))
  }

  /** Tokens so far. */
  get length(): number {
    return this.#length
  }

  /** Tokens that may still come (max_position_embeddings). */
  get room(): number {
    return this.config.max_position_embeddings - this.#length
  }

  /** Bytes of the pages that hold tokens. */
  get bytes(): number {
    return this.#layers.reduce((sum, layer) => sum + (layer?.bytes ?? 0), 0)
  }

  /** Pages of a layer that has its own. */
  pages(layer: number): LayerPages {
    const pages = this.#layers[layer]
    if (pages) return pages
    throw new PolluxError(`cache: layer must have keys and values of its own, got layer ${layer}`)
  }

  /** Makes room for `time` more tokens. */
  reserve(time: number): void {
    for (const layer of this.#layers) layer?.reserve(this.#length, this.#length + time)
  }

  /** Bytes that `reserve(time)` would take from the pool. */
  growth(time: number): number {
    return this.#layers.reduce((sum, layer) => sum + (layer?.growth(this.#length, this.#length + time) ?? 0), 0)
  }

  /** Bytes of the pages of a sequence of `length` tokens, of which the last `chunk` were read at once. */
  bytesFor(length: number, chunk: number): number {
    const from = Math.max(0, length - chunk)
    return this.#layers.reduce((sum, layer) => sum + (layer?.bytesFor(from, length) ?? 0), 0)
  }

  /**
   * Counts `time` written tokens, and lets go of what no later one will see. Fewer than were reserved: the rest was
   * guessed wrongly, and is written over.
   */
  advance(time: number): void {
    this.#length += time
    for (const layer of this.#layers) layer?.settle(this.#length)
  }

  /** Another sequence that begins with the same tokens, in the same pages: what one adds, the other does not see. */
  fork(): KvCache {
    const other = new KvCache(this.config, { dtype: this.dtype, pool: this.#pool })
    other.#length = this.#length
    this.#layers.forEach((layer, i) => {
      other.#layers[i] = layer?.fork(this.#length) ?? null
    })
    return other
  }

  /** Every page that it holds. */
  *heldPages(): Generator<SharedPage> {
    for (const layer of this.#layers) if (layer) yield* layer.held
  }

  /** Gives idle memory back: the room that a chunk took in sliding layers. */
  trim(): void {
    if (this.#ownsPool) this.#pool.trim()
  }

  /** Forgets everything and gives the memory back. */
  release(): void {
    for (const layer of this.#layers) layer?.release()
    this.#length = 0
    this.trim()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  #newLayer({ type, kvHeads, headDim, values, donor }: LayerShape): LayerPages | null {
    if (donor !== null) return null
    return new LayerPages({
      ...{ kvHeads, headDim, dtype: this.dtype, pool: this.#pool },
      window: type === 'sliding_attention' ? this.config.sliding_window : null,
      turn: values === 'keys' ? ropeTurn(this.config, type) : null,
    })
  }
}

/** The past of a batch: one cache for every sequence, of any lengths. */
export function past(caches: readonly KvCache[]): Past {
  return {
    lengths: caches.map(({ length }) => length),
    open(time, blockEnd) {
      for (const cache of caches) cache.reserve(time)
      const pass = new Pass(caches, time, blockEnd)
      return {
        layer: (layer, rows) => pass.memory(layer, rows),
        commit: () => {
          for (const cache of caches) cache.advance(time)
        },
      }
    },
  }
}

/** One forward pass over a batch of caches. */
class Pass {
  readonly #caches: readonly KvCache[]
  readonly #time: number
  readonly #blockEnd: Int32Array | undefined
  /** Factors of key norms, by layer: whoever reads a donor's pages needs the donor's. */
  readonly #keyNorms: Parameter[] = []

  constructor(caches: readonly KvCache[], time: number, blockEnd?: Int32Array) {
    this.#caches = caches
    this.#time = time
    this.#blockEnd = blockEnd
  }

  /** @param rows the rows that will ask, as many of each sequence; default all */
  memory(layer: number, rows?: Int32Array): LayerMemory {
    const time = this.#time
    const asking = rows ? rows.length / this.#caches.length : time
    return {
      add: (own: KeyValues, keyNorm: Parameter) => {
        this.#keyNorms[layer] = keyNorm
        writeKeyValues(
          own,
          this.#caches.map((cache) => {
            const pages = cache.pages(layer)
            return { pages: pages.view, rows: time, at: cache.length - pages.start }
          }),
        )
      },
      attend: (q: Tensor, options) =>
        cachedAttention(
          q,
          this.#caches.map((_, sequence) =>
            this.#seen(layer, sequence, rows?.subarray(sequence * asking, (sequence + 1) * asking)),
          ),
          { ...options, keyNorm: this.#keyNorms[layer] ?? null },
        ),
    }
  }

  /** Which tokens the asking rows of a sequence see: causal or of its image block (sliding layers only), and in the window. */
  #seen(layer: number, sequence: number, rows?: Int32Array): CachedSequence {
    const cache = this.#caches[sequence]
    const pages = cache.pages(layer)
    const [window, offset] = [pages.window, cache.length - pages.start]
    const asking = rows?.length ?? this.#time
    const [first, last] = [new Int32Array(asking), new Int32Array(asking)]
    for (let row = 0; row < asking; row++) {
      const i = rows ? rows[row] - sequence * this.#time : row
      const end = window === null ? i : Math.max(i, this.#blockEnd?.[sequence * this.#time + i] ?? i)
      first[row] = window === null ? 0 : Math.max(0, offset + i - window + 1)
      last[row] = offset + (window === null ? i : Math.min(end, i + window - 1))
    }
    return { pages: pages.view, first, last }
  }
}
