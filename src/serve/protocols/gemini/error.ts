// Errors as Google's APIs write them: {"error": {code, message, status, details}}.
import type { ErrorKind, ServeError } from '../../serveError.ts'
import { errorStatus } from '../../serveError.ts'

const statuses: Record<ErrorKind, string> = {
  invalid: 'INVALID_ARGUMENT',
  tooLong: 'INVALID_ARGUMENT',
  precondition: 'FAILED_PRECONDITION',
  keyMissing: 'PERMISSION_DENIED',
  keyInvalid: 'INVALID_ARGUMENT',
  forbidden: 'PERMISSION_DENIED',
  notFound: 'NOT_FOUND',
  method: 'UNIMPLEMENTED',
  conflict: 'ALREADY_EXISTS',
  tooLarge: 'INVALID_ARGUMENT',
  exhausted: 'RESOURCE_EXHAUSTED',
  cancelled: 'CANCELLED',
  internal: 'INTERNAL',
  unimplemented: 'UNIMPLEMENTED',
  unavailable: 'UNAVAILABLE',
  deadline: 'DEADLINE_EXCEEDED',
}

/** Statuses in which Google differs from what kinds usually have. */
const codes: Partial<Record<ErrorKind, number>> = { keyMissing: 403, keyInvalid: 400 }

export function geminiError(error: ServeError): { status: number; body: { error: Record<string, unknown> } } {
  const code = codes[error.kind] ?? errorStatus[error.kind]
  const details = detailsOf(error)
  const message = error.hint === undefined ? error.message : `${error.message} (${error.hint})`
  return {
    status: code,
    body: { error: { code, message, status: statuses[error.kind], ...(details.length > 0 ? { details } : {}) } },
  }
}

function detailsOf({ kind, field, message, retrySeconds }: ServeError): Record<string, unknown>[] {
  const details: Record<string, unknown>[] = []
  const type = (name: string) => ({ '@type': `type.googleapis.com/google.rpc.${name}` })
  if (kind === 'keyInvalid') details.push({ ...type('ErrorInfo'), reason: 'API_KEY_INVALID', domain: 'googleapis.com' })
  if (field !== undefined) details.push({ ...type('BadRequest'), fieldViolations: [{ field, description: message }] })
  if (retrySeconds !== undefined) details.push({ ...type('RetryInfo'), retryDelay: `${retrySeconds}s` })
  return details
}
