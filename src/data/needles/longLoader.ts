// Batches of a stage that lengthens the context: real text, needle documents and texts read twice, in fixed shares.
//
// Each batch is of one sort. Mixed, the few answers of needle documents would drown among the many tokens of text, as a
// step is a mean over all its targets. Which sort comes when follows from the number of the batch alone, so the state
// is that number and the place in the text. Rows of needles hold one document of the whole length or 2, 4, 8 ... of equal
// length: the long distance is seen again and again, the short ones keep what was learnt before.
import { Rng } from '../../util/index.ts'
import { dataError } from '../errors.ts'
import type { Loader } from '../loader.ts'
import { type Batch, emptyBatch } from '../packing.ts'
import { hashIntegers } from '../permutation.ts'
import { type LongDocument, needleDocument, type NeedleSources, shortestProbe } from './document.ts'
import { twiceDocument } from './twice.ts'

export type LongSort = 'text' | 'needles' | 'twice'

export interface LongLoaderOptions {
  batch: number
  time: number
  seed: number
  /** Shares of the batches; they need not sum to 1. */
  shares: Record<LongSort, number>
  /** [vocabSize]: bytes of text that a token stands for. */
  bytesOfToken: Int32Array
  /** Between two readings of a text. */
  separator: Int32Array
}

export interface LongLoaderState {
  served: number
  text: unknown
  shares: Record<LongSort, number>
}

/** Shortest documents, in tokens, where that is enough for a fact. */
const shortest = 256
const sorts: readonly LongSort[] = ['text', 'needles', 'twice']

export class LongLoader {
  readonly #text: Pick<Loader, 'next' | 'state' | 'restore'>
  readonly #sources: NeedleSources
  readonly #options: LongLoaderOptions
  /** Of documents, in tokens. */
  readonly #shortest: number
  #served = 0

  /** @param text batches of the same shape */
  constructor(text: Pick<Loader, 'next' | 'state' | 'restore'>, sources: NeedleSources, options: LongLoaderOptions) {
    const total = sorts.reduce((sum, sort) => sum + options.shares[sort], 0)
    if (!(total > 0) || sorts.some((sort) => !(options.shares[sort] >= 0))) {
      throw dataError(`shares must be numbers of at least 0, one of them above, got ${JSON.stringify(options.shares)}`)
    }
    const needed = shortestProbe(sources.writer, 'aggregated', 0)
    if (options.time < needed) {
      throw dataError(`sequences must hold a fact and its question, ${needed} tokens, got ${options.time}`)
    }
    this.#text = text
    this.#sources = sources
    this.#shortest = Math.max(shortest, needed)
    this.#options = options
  }

  next(): Batch {
    const index = this.#served++
    const sort = this.sortOf(index)
    if (sort === 'text') return this.#text.next()
    const { batch, time } = this.#options
    const out = emptyBatch(batch, time)
    for (let slot = 0; slot < batch; slot++) this.#fillRow(out, { sort, slot, row: index * batch + slot })
    return out
  }

  /** Which sort batch `index` is of: each sort comes as evenly as its share allows. */
  sortOf(index: number): LongSort {
    const { shares } = this.#options
    const total = sorts.reduce((sum, sort) => sum + shares[sort], 0)
    let from = 0
    // the golden ratio spreads batches evenly, whatever the shares
    const place = ((index * 0.6180339887498949) % 1) * total
    for (const sort of sorts) {
      from += shares[sort]
      if (place < from) return sort
    }
    return sorts.findLast((sort) => shares[sort] > 0)!
  }

  state(): LongLoaderState {
    return { served: this.#served, text: this.#text.state(), shares: this.#options.shares }
  }

  /** @throws PolluxError when the state belongs to another text, another mixture, or is damaged */
  restore(state: unknown): void {
    const { served, text, shares } = (state ?? {}) as Partial<LongLoaderState>
    if (!Number.isSafeInteger(served) || (served as number) < 0) {
      throw dataError(`a loader state must hold served, text and shares, got ${JSON.stringify(state)}`)
    }
    if (sorts.some((sort) => shares?.[sort] !== this.#options.shares[sort])) {
      throw dataError(
        `resume must keep the shares ${JSON.stringify(shares)}, got ${JSON.stringify(this.#options.shares)}`,
      )
    }
    this.#text.restore(text)
    this.#served = served!
  }

  #fillRow(batch: Batch, { sort, slot, row }: { sort: LongSort; slot: number; row: number }): void {
    const { time, seed, separator } = this.#options
    const rng = new Rng(hashIntegers(seed, 104, row))
    let length = time
    while (length >= 2 * this.#shortest && rng.uniform() < 0.5) length = Math.floor(length / 2)
    for (let at = 0, i = 0; at + length <= time; at += length, i++) {
      const options = { seed: hashIntegers(seed, row), index: i, length }
      const document =
        sort === 'needles'
          ? needleDocument(this.#sources, options)
          : twiceDocument({ ...this.#sources, separator }, options)
      placeDocument(batch, document, { base: slot * time, at, bytesOfToken: this.#options.bytesOfToken })
    }
    padFrom(batch, { base: slot * time, at: Math.floor(time / length) * length, time })
  }
}

function placeDocument(
  batch: Batch,
  { ids, counted }: LongDocument,
  { base, at, bytesOfToken }: { base: number; at: number; bytesOfToken: Int32Array },
): void {
  for (let i = 0; i < ids.length; i++) {
    const row = base + at + i
    batch.ids[row] = ids[i]
    batch.segmentStart[row] = at
    batch.positions[row] = i
    if (i + 1 === ids.length || counted[i + 1] === 0) continue
    batch.targets[row] = ids[i + 1]
    batch.numBytes += bytesOfToken[ids[i + 1]]
  }
}

/** The few rows that a length which does not divide evenly leaves: a segment of its own without targets. */
function padFrom(batch: Batch, { base, at, time }: { base: number; at: number; time: number }): void {
  for (let t = at; t < time; t++) {
    batch.segmentStart[base + t] = at
    batch.positions[base + t] = t - at
  }
}
