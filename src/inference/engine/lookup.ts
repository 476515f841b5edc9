// Guessing the next tokens of a text from the text itself: what followed the last time that these tokens stood here.
//
//   .. the sum of the first 3 numbers is 6. .. the sum of        ->  the first 3 numbers is 6
//      -------------------------                 ----------
//
// Answers quote their prompt and code repeats itself, so the guesses cost nothing to make and are often right; one pass
// checks them all, and where the first is wrong the pass has still brought its token. (Saxena 2023, prompt lookup decoding;
// Leviathan et al. 2023, speculative decoding.) A draw is compared with the guess, so the text is the one without guesses.
import { Pace } from './pace.ts'

/** Tokens of a run that is looked up, longest first. */
const runLengths = [3, 2] as const
/** Tokens from the end of a prompt that are looked at. */
const reach = 65_536

export class PromptLookup {
  /** By length of the run: where such a run ended last (the place behind it), by hash. */
  readonly #places = runLengths.map(() => new Map<number, number>())
  #seen: number
  readonly #pace = new Pace()

  constructor(promptTokens: number) {
    this.#seen = Math.max(0, promptTokens - reach)
  }

  /**
   * Tokens that may follow.
   *
   * @param ids the text so far, which only grows from call to call
   */
  draft(ids: Int32Array, limit: number): Int32Array {
    this.#take(ids)
    const count = this.#pace.next(limit)
    if (count < 1) return new Int32Array(0)
    for (const [i, length] of runLengths.entries()) {
      if (ids.length < length) continue
      const place = this.#places[i].get(hashOf(ids, ids.length - length, length))
      if (place !== undefined && isSame(ids, place - length, ids.length - length, length)) {
        return ids.slice(place, place + count)
      }
    }
    return new Int32Array(0)
  }

  /** Says how many of the guesses were right. */
  learn(guessed: number, right: number): void {
    this.#pace.learn(guessed, right)
  }

  /** Enters runs that something follows: those that end before the last token. */
  #take(ids: Int32Array): void {
    for (; this.#seen < ids.length - 1; this.#seen++) {
      const end = this.#seen + 1
      runLengths.forEach((length, i) => {
        if (end >= length) this.#places[i].set(hashOf(ids, end - length, length), end)
      })
    }
  }
}

function hashOf(ids: Int32Array, from: number, length: number): number {
  let hash = 0x811c9dc5
  for (let i = from; i < from + length; i++) hash = Math.imul(hash ^ ids[i], 0x01000193) ^ (ids[i] >>> 7)
  return hash
}

function isSame(ids: Int32Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (ids[a + i] !== ids[b + i]) return false
  return true
}
