// How a sequence draws its tokens: with its own source of randomness, so that same seed means same text whatever else runs.
import type { EngineRequest, TokenLogprob } from '../engineTypes.ts'
import { tokenLogprobs } from '../logprobs.ts'
import { TokenSampler } from '../tokenSampler.ts'
import { forcedTokens } from '../grammar/matcher.ts'
import { type Matchers, onlyToken, type TokenMatcher } from './matcher.ts'

/** Bytes of forced text that are looked at for each token to be guessed. */
const bytesAhead = 16

export interface Chosen {
  id: number
  logprob?: number
  top?: TokenLogprob[]
}

export class TokenChooser {
  readonly #sampler: TokenSampler
  /** How many alternatives are told; null: nothing is. */
  readonly #top: number | null
  readonly #neverDrawn: readonly number[]
  readonly #matchers: Matchers
  readonly #matcher: TokenMatcher | null

  /**
   * @param matchers make what holds the text to its grammar
   * @param neverDrawn ids that stand for what no draw can bring
   * @throws PolluxError for sampling out of range, or a grammar that is not known
   */
  constructor(request: EngineRequest, vocab: number, matchers: Matchers, neverDrawn: readonly number[] = []) {
    this.#sampler = new TokenSampler(request.sampling ?? {}, vocab, request.prompt.ids)
    this.#top = request.logprobs ? request.logprobs.top : null
    this.#neverDrawn = neverDrawn
    this.#matchers = matchers
    this.#matcher = request.grammar ? matchers.of(request.grammar, request.stopIds) : null
  }

  /** Whether the grammar has nothing more to come. */
  get isComplete(): boolean {
    return this.#matcher?.isComplete ?? false
  }

  /** Whether a token can ever be drawn. */
  mayDraw(id: number): boolean {
    return !this.#neverDrawn.includes(id)
  }

  /** @param logits [V] of the token after the text so far; changed */
  choose(logits: Float32Array): Chosen {
    for (const id of this.#neverDrawn) logits[id] = -Infinity
    const mask = this.#matcher?.mask()
    // without a choice nothing is drawn, here as in takeForced: the numbers for later draws are the same
    const id = this.#only(mask) ?? this.#sampler.next(logits, mask)
    this.#take(id)
    return this.#top === null ? { id } : { id, ...tokenLogprobs(logits, id, this.#top) }
  }

  /** Takes the only token that may follow, which needs no logits; undefined where there is a choice, or logits are asked for. */
  takeForced(): number | undefined {
    if (this.#top !== null || !this.#matcher || this.isComplete) return undefined
    const only = this.#only(this.#matcher.mask())
    if (only !== undefined) this.#take(only)
    return only
  }

  /** Tokens of text that must follow, as the tokenizer would write it: likely, not certain. */
  guessForced(limit: number): Int32Array {
    const matcher = this.#matcher
    if (!matcher?.jumpForward || this.isComplete) return new Int32Array(0)
    const near = bytesAhead * (limit + 1)
    const ids = forcedTokens(matcher.jumpForward(), (bytes) => this.#matchers.encode(bytes.subarray(0, near)))
    return Int32Array.from(ids.slice(0, limit))
  }

  #only(mask: Uint32Array | undefined): number | undefined {
    const only = mask && onlyToken(mask)
    return only !== undefined && this.mayDraw(only) ? only : undefined
  }

  #take(id: number): void {
    this.#sampler.observe(id)
    this.#matcher?.accept(id)
  }
}
