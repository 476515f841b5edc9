// What went wrong with a request, as every protocol can say it in its own shape.
//
// Layers below throw PolluxError for what a caller can put right; anything else is a fault of ours, told as 'internal'
// without its text.
import { EngineClosedError, EngineFailedError, EngineFullError } from '../inference/index.ts'
import { PolluxError } from '../util/index.ts'

/** Kinds of failures and the HTTP status each has unless a protocol says otherwise. */
export const errorStatus = {
  invalid: 400,
  tooLong: 400,
  precondition: 400,
  keyMissing: 401,
  keyInvalid: 401,
  forbidden: 403,
  notFound: 404,
  method: 405,
  conflict: 409,
  tooLarge: 413,
  exhausted: 429,
  cancelled: 499,
  internal: 500,
  unimplemented: 501,
  unavailable: 503,
  deadline: 504,
} as const

export type ErrorKind = keyof typeof errorStatus

export interface ServeErrorOptions {
  hint?: string
  cause?: unknown
  /** Field of the request at fault, as the client wrote it. */
  field?: string
  /** When to try again. */
  retrySeconds?: number
}

/** A failure with a kind. */
export class ServeError extends PolluxError {
  readonly kind: ErrorKind
  readonly field: string | undefined
  readonly retrySeconds: number | undefined

  constructor(kind: ErrorKind, message: string, { field, retrySeconds, ...options }: ServeErrorOptions = {}) {
    super(message, options)
    this.name = 'ServeError'
    this.kind = kind
    this.field = field
    this.retrySeconds = retrySeconds
  }
}

/** A bad field of a request. */
export function invalid(field: string, message: string): ServeError {
  return new ServeError('invalid', message, { field })
}

/**
 * Whatever was thrown, as a failure of a request. `signal` is that of the request: what it was aborted with (time over,
 * the client gone) stands for errors that only follow from it.
 */
export function toServeError(error: unknown, signal?: AbortSignal): ServeError {
  if (signal?.aborted && signal.reason instanceof ServeError) return signal.reason
  if (error instanceof ServeError) return error
  if (error instanceof EngineFullError) {
    return new ServeError('exhausted', 'The queue is full. Try again in a moment.', { retrySeconds: 2, cause: error })
  }
  if (error instanceof EngineFailedError) {
    return new ServeError('internal', 'The model failed while it answered. Send the request again.', { cause: error })
  }
  if (error instanceof EngineClosedError) {
    return new ServeError('unavailable', 'The model is shut down.', { retrySeconds: 5, cause: error })
  }
  if (error instanceof Error && (error.name === 'AbortError' || signal?.aborted)) {
    return new ServeError('cancelled', 'The request was cancelled.', { cause: error })
  }
  if (error instanceof PolluxError) {
    const kind = /must be at most \d+ tokens/.test(error.message) ? 'tooLong' : 'invalid'
    return new ServeError(kind, error.message, { hint: error.hint, cause: error })
  }
  return new ServeError('internal', 'An internal error occurred.', { cause: error })
}
