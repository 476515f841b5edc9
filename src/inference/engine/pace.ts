// How many tokens to guess: more while all guesses are right, none for a while where none was. A wrong guess costs its rows of a
// pass, and with experts each row may read weights of its own.

export class Pace {
  #count = 4
  /** Guesses to leave out, and how many the next disappointment will cost. */
  #pause = 0
  #penalty = 2

  /** Tokens to guess now, at most `limit`. Asking counts against the pause. */
  next(limit: number): number {
    if (this.#pause > 0) {
      this.#pause--
      return 0
    }
    return Math.max(0, Math.min(limit, this.#count))
  }

  /** Says how many of the guesses were right. */
  learn(guessed: number, right: number): void {
    if (right === guessed) {
      this.#count = Math.min(2 * this.#count, 8)
      this.#penalty = 2
    } else if (right > 0) {
      this.#count = Math.max(2, right + 1)
      this.#penalty = 2
    } else {
      this.#count = 2
      this.#pause = this.#penalty
      this.#penalty = Math.min(2 * this.#penalty, 32)
    }
  }
}
