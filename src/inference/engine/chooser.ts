// How a sequence draws its tokens: with its own source of randomness, so that same seed means same text whatever else runs.
import type { EngineRequest, TokenLogprob } from '../engineTypes.ts'
import { tokenLogprobs } from '../logprobs.ts'
import { TokenSampler } from '../tokenSampler.ts'
import type { Matchers, TokenMatcher } from './matcher.ts'

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
    const id = this.#sampler.next(logits, this.#matcher?.mask())
    this.#sampler.observe(id)
    this.#matcher?.accept(id)
    return this.#top === null ? { id } : { id, ...tokenLogprobs(logits, id, this.#top) }
  }
}
