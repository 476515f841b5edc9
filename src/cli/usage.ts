// A mistake in what was typed: printed like any other error, but the process ends with exit code 2.
import { didYouMean, PolluxError } from '../util/index.ts'

/** Exit codes of every command. */
export const exitCodes = { failure: 1, usage: 2, interrupted: 130, terminated: 143 } as const

/** The command line itself is wrong. */
export class UsageError extends PolluxError {
  constructor(message: string, hint?: string) {
    super(message, hint === undefined ? {} : { hint })
    this.name = 'UsageError'
  }

  /** `flag: must be one of a, b; got "c"`, with the nearest of them. */
  static unknownWord(flag: string, words: readonly string[], got: string): UsageError {
    const nearest = didYouMean(got, words)
    const list = words.length > 1 ? `one of ${words.join(', ')}` : `"${words[0]}"`
    return new UsageError(
      `${flag}: must be ${list}, got ${JSON.stringify(got)}`,
      nearest === undefined ? undefined : `did you mean ${flag} ${nearest}?`,
    )
  }
}
