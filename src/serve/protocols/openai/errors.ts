// Errors as OpenAI's API writes them: {"error": {message, type, param, code}}.
//
// The official client tries again on 408, 409, 429 and 5xx, so what would only fail again is told as 400, or marked with
// x-should-retry.
import { type ErrorKind, errorStatus, ServeError, type ServeErrorOptions } from '../../serveError.ts'

/** A bad request with the code that OpenAI gives it. */
export class OpenAiError extends ServeError {
  readonly code: string

  /** @param field path of the parameter, like messages[0].content */
  constructor(
    code: string,
    field: string | undefined,
    message: string,
    options: Omit<ServeErrorOptions, 'field'> = {},
  ) {
    super('invalid', message, { ...options, field })
    this.name = 'OpenAiError'
    this.code = code
  }
}

/** A parameter that this server does not serve. */
export function unsupported(field: string, message: string, hint?: string): OpenAiError {
  return new OpenAiError('unsupported_parameter', field, message, { hint })
}

const types: Partial<Record<ErrorKind, string>> = {
  exhausted: 'rate_limit_error',
  forbidden: 'permission_error',
  internal: 'server_error',
  unavailable: 'server_error',
  deadline: 'server_error',
}

const codes: Partial<Record<ErrorKind, string>> = {
  tooLong: 'context_length_exceeded',
  keyMissing: 'invalid_api_key',
  keyInvalid: 'invalid_api_key',
  exhausted: 'rate_limit_exceeded',
  tooLarge: 'request_too_large',
  unimplemented: 'unsupported',
  internal: 'internal_error',
  unavailable: 'service_unavailable',
  deadline: 'timeout',
}

export interface OpenAiErrorBody {
  message: string
  type: string
  param: string | null
  code: string | null
}

/** What stands under "error". */
export function errorBody(error: ServeError): OpenAiErrorBody {
  const { kind, message, hint } = error
  const isModel = kind === 'notFound' && error.field === 'model'
  const code = error instanceof OpenAiError ? error.code : isModel ? 'model_not_found' : (codes[kind] ?? null)
  return {
    message: hint === undefined ? message : `${message} (${hint})`,
    type: types[kind] ?? 'invalid_request_error',
    param: error.field ?? (kind === 'tooLong' ? 'messages' : null),
    code,
  }
}

/** Status, body and headers of a failure. */
export function openaiError(error: ServeError): {
  status: number
  body: { error: OpenAiErrorBody }
  headers?: Record<string, string>
} {
  // a client would send what is not served again and again
  const status = error.kind === 'unimplemented' ? 400 : errorStatus[error.kind]
  const isFinal = error.kind === 'deadline' || error.kind === 'conflict'
  return { status, body: { error: errorBody(error) }, ...(isFinal && { headers: { 'x-should-retry': 'false' } }) }
}
