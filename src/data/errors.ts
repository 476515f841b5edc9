// Errors of data/: `data: requirement, got actual`, and what to type next.
import { PolluxError } from '../util/index.ts'

/** Makes the error; `hint` says what to type next. */
export function dataError(message: string, hint?: string, cause?: unknown): PolluxError {
  return new PolluxError(`data: ${message}`, { hint, cause })
}

/** The first line of whatever was thrown. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]
}
