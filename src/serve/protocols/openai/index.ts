// The OpenAI API: what the server mounts.
import { errorStatus } from '../../serveError.ts'
import type { Protocol, ServeApp, ServeDeps } from '../../types.ts'

/** Adds the routes of the OpenAI API; paths stand behind /v1. */
export function openaiRoutes(_app: ServeApp, _deps: ServeDeps): void {}

export const openai: Protocol = {
  routes: openaiRoutes,
  error: (error) => ({
    status: errorStatus[error.kind],
    body: { error: { message: error.message, type: 'invalid_request_error', param: error.field ?? null, code: null } },
  }),
}
