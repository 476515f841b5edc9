// What may follow a text, guessed from two sources: what its grammar forces, and what followed the same tokens before.
//
// A grammar often leaves no choice of text (`"temperature":`) while it leaves many of tokens (`"t`, `"temp`, `"temperature` ..).
// Which of them a model takes is the model's to say, so they are guesses: as the tokenizer would write the forced text. They
// are drawn like any other token, and the answer is the one without guesses, to the token. Where but one token may follow
// there is nothing to guess, and nothing to draw: TokenChooser.takeForced.
import { PromptLookup } from './lookup.ts'
import { Pace } from './pace.ts'

export class Guesser {
  readonly #lookup: PromptLookup
  /** Tokens that the grammar forces, at most so many, as the tokenizer would write them. */
  readonly #forced: (limit: number) => Int32Array
  readonly #pace = new Pace()
  #isForced = false

  constructor(promptTokens: number, forced: (limit: number) => Int32Array) {
    this.#lookup = new PromptLookup(promptTokens)
    this.#forced = forced
  }

  /**
   * Tokens that may follow.
   *
   * @param ids the text so far, which only grows from call to call
   */
  draft(ids: Int32Array, limit: number): Int32Array {
    const forced = this.#forced(limit)
    const count = forced.length > 0 ? this.#pace.next(forced.length) : 0
    this.#isForced = count > 0
    return this.#isForced ? forced.subarray(0, count) : this.#lookup.draft(ids, limit)
  }

  /** Says how many of the latest guesses were right. */
  learn(guessed: number, right: number): void {
    if (this.#isForced) this.#pace.learn(guessed, right)
    else this.#lookup.learn(guessed, right)
  }
}
