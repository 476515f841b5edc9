// What keeps a text inside its grammar: which tokens may come next, told of each that came.
import { Tokenizer } from '../../tokenizer/index.ts'
import { PolluxError } from '../../util/index.ts'
import type { GrammarSpec } from '../engineTypes.ts'
import { GrammarCache } from '../grammar/compile.ts'
import type { Forced } from '../grammar/matcher.ts'
import { GrammarVocabulary, type VocabularySource } from '../grammar/vocabulary.ts'

export interface TokenMatcher {
  /** Bit `id & 31` of word `id >> 5` says whether a token may come. */
  mask(): Uint32Array
  /** Takes in a token that the mask allowed. */
  accept(id: number): void
  /** Nothing more may come. */
  readonly isComplete: boolean
  /** What must come next, whatever the tokens of it. Default: it is not known. */
  jumpForward?(): Forced
}

/** The only token that a mask allows; undefined where it allows none or several. */
export function onlyToken(mask: Uint32Array): number | undefined {
  let only: number | undefined
  for (let word = 0; word < mask.length; word++) {
    const bits = mask[word]
    if (bits === 0) continue
    if (only !== undefined || (bits & (bits - 1)) !== 0) return undefined
    only = 32 * word + 31 - Math.clz32(bits)
  }
  return only
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

/** Makes matchers for a model; what was compiled is kept for requests to come. */
export class Matchers {
  readonly #size: number
  readonly #source: VocabularySource | undefined
  #grammars: GrammarCache | null = null
  #tokenizer: Tokenizer | null = null

  /** @param size length of the logits */
  constructor(size: number, source?: VocabularySource) {
    this.#size = size
    this.#source = source
  }

  /** @throws PolluxError for a grammar that cannot be, or one of text where the vocabulary is not known */
  of(grammar: GrammarSpec, stopIds: readonly number[] = []): TokenMatcher {
    if (grammar.kind === 'ranges') return new RangesMatcher(grammar.ranges, this.#size)
    const source = this.#source
    if (!source) {
      throw new PolluxError(`engine: vocabulary must be given for a grammar of kind '${grammar.kind}', got none`)
    }
    const missing = source.stopIds.find((id) => !stopIds.includes(id))
    if (missing !== undefined) {
      throw new PolluxError(
        `engine: stopIds must hold ${source.stopIds.join(', ')} with a grammar of kind '${grammar.kind}', got no ${missing}`,
      )
    }
    // both made at the first use: the tree of a large vocabulary takes a second
    this.#grammars ??= new GrammarCache(new GrammarVocabulary({ ...source, size: this.#size }))
    return this.#grammars.compile(grammar).matcher()
  }

  /** Tokens of bytes as the model's tokenizer writes them; none where it is not known. */
  encode(bytes: Uint8Array): Int32Array {
    const { tokens, bpe } = this.#source ?? {}
    if (!tokens || !bpe) return new Int32Array(0)
    this.#tokenizer ??= new Tokenizer({
      ...{ tokens: tokens.map((each) => each ?? new Uint8Array(0)), specialTokens: new Map() },
      ...{ merges: bpe.merges, pattern: bpe.pattern },
    })
    return this.#tokenizer.encodeBytes(bytes)
  }
}
