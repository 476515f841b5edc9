// fetch on this server, with the key if one is set, and errors as the server told them.
import { keptStore } from '../lib/store.ts'

/** Key for a server that asks for one; kept in this browser only. */
export const access = keptStore('pollux.access', { key: '' })

/** What went wrong: `status` is that of HTTP, 0 when no answer came. */
export class ApiError extends Error {
  readonly status: number
  /** Seconds after which to try again, if the server said. */
  readonly retryAfter?: number

  constructor(message: string, status: number, retryAfter?: number) {
    super(message)
    this.status = status
    this.retryAfter = retryAfter
  }
}

/** @throws ApiError unless the answer is good; AbortError when the signal ended it */
export async function apiFetch(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (typeof init.body === 'string') headers.set('content-type', 'application/json')
  headers.set('x-goog-api-key', access.value.key || 'studio')
  let response: Response
  try {
    response = await fetch(path, { ...init, headers })
  } catch (cause) {
    if (init.signal?.aborted) throw cause
    throw new ApiError('The server does not answer. Is `pollux serve` still running?', 0)
  }
  if (response.ok) return response
  const body: unknown = await response.json().catch(() => undefined)
  throw errorOf(body, response.status)
}

/** The error in a body of the Gemini shape. */
export function errorOf(body: unknown, status: number): ApiError {
  const error = (body as { error?: { message?: unknown; details?: unknown } } | undefined)?.error
  const message = typeof error?.message === 'string' ? error.message : `The server answered ${status}.`
  return new ApiError(message, status, retryDelay(error?.details))
}

function retryDelay(details: unknown): number | undefined {
  if (!Array.isArray(details)) return undefined
  for (const detail of details) {
    const delay = (detail as { retryDelay?: unknown } | null)?.retryDelay
    if (typeof delay === 'string' && Number.isFinite(Number.parseFloat(delay))) return Number.parseFloat(delay)
  }
  return undefined
}
