// The error for what a person can put right: one base class for every layer.
//
// The message reads `op: requirement, got actual`; the hint says what to type next. A command line prints both
// without a stack. Errors of the library's own invariants are plain `Error`s whose message begins with
// "internal:".

/** A failure with a way out. */
export class PolluxError extends Error {
  /** What to type next; undefined where nothing helps. */
  readonly hint: string | undefined

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'PolluxError'
    this.hint = options.hint
  }
}
