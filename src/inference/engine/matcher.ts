// What keeps a text inside its grammar: which tokens may come next, told of each that came.
import { PolluxError } from '../../util/index.ts'
import type { GrammarSpec } from '../engineTypes.ts'

export interface TokenMatcher {
  /** Bit `id & 31` of word `id >> 5` says whether a token may come. */
  mask(): Uint32Array
  /** Takes in a token that the mask allowed. */
  accept(id: number): void
  /** Nothing more may come. */
  readonly isComplete: boolean
}

/** One token out of each range of ids, in order. */
export class RangesMatcher implements TokenMatcher {
  readonly #ranges: readonly (readonly [from: number, to: number])[]
  readonly #mask: Uint32Array
  #count = 0

  /** @throws PolluxError for ranges that hold no token */
  constructor(ranges: readonly (readonly [from: number, to: number])[], vocab: number) {
    for (const [from, to] of ranges) {
      if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from < to && to <= vocab)) {
        throw new PolluxError(`grammar: ranges must be [from, to) within [0, ${vocab}], got [${from}, ${to})`)
      }
    }
    if (ranges.length === 0) throw new PolluxError('grammar: ranges must be at least one, got none')
    this.#ranges = ranges
    this.#mask = new Uint32Array(Math.ceil(vocab / 32))
  }

  get isComplete(): boolean {
    return this.#count >= this.#ranges.length
  }

  mask(): Uint32Array {
    this.#mask.fill(0)
    const [from, to] = this.#ranges[this.#count] ?? [0, 0]
    for (let id = from; id < to; id++) this.#mask[id >> 5] |= 1 << (id & 31)
    return this.#mask
  }

  accept(): void {
    this.#count++
  }
}

/** @throws PolluxError for a grammar that this engine does not know */
export function matcherOf(grammar: GrammarSpec, vocab: number): TokenMatcher {
  if (grammar.kind === 'ranges') return new RangesMatcher(grammar.ranges, vocab)
  throw new PolluxError(
    `engine: grammar must be of kind 'ranges' without the bytes of the vocabulary, got '${grammar.kind}'`,
  )
}
