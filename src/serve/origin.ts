// Who may ask from a browser. A page of another site can reach a server on this machine: its requests carry an Origin, and
// tricks with DNS carry a foreign Host.
import type { IncomingMessage } from 'node:http'
import { ServeError } from './serveError.ts'

export interface OriginRules {
  /** Origins allowed beside loopback ones and the server's own; '*': all. */
  allowed: readonly string[]
  /** Only loopback names in Host: for servers on loopback without keys. */
  loopbackHost: boolean
}

const loopback = /^(?:localhost|(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i

/** @throws ServeError forbidden for a foreign page */
export function checkOrigin({ headers }: Pick<IncomingMessage, 'headers'>, rules: OriginRules): void {
  const host = (headers.host ?? '').replace(/:\d+$/, '')
  if (rules.loopbackHost && host !== '' && !loopback.test(host)) {
    throw new ServeError('forbidden', `The Host must be this machine, got ${host.slice(0, 100)}.`)
  }
  if (headers.origin !== undefined && !isAllowed(headers.origin, headers.host, rules)) {
    throw new ServeError('forbidden', `Pages of ${headers.origin.slice(0, 100)} may not ask this server.`, {
      hint: `start it with --cors ${headers.origin.slice(0, 100)}`,
    })
  }
}

function isAllowed(origin: string, host: string | undefined, { allowed }: OriginRules): boolean {
  if (allowed.includes('*') || allowed.includes(origin)) return true
  try {
    const url = new URL(origin)
    return loopback.test(url.hostname) || (host !== undefined && url.host === host)
  } catch {
    return false
  }
}

/** Headers that let a browser read the answer; none when it is no browser that asks. */
export function corsHeaders({ headers }: Pick<IncomingMessage, 'headers'>, rules: OriginRules): Record<string, string> {
  const { origin } = headers
  if (origin === undefined || !isAllowed(origin, headers.host, rules)) return {}
  return {
    'access-control-allow-origin': origin,
    vary: 'origin',
    'access-control-allow-methods': 'GET, POST, PATCH, DELETE, OPTIONS',
    'access-control-allow-headers': headers['access-control-request-headers'] ?? '*',
    'access-control-expose-headers':
      'x-goog-upload-url, x-goog-upload-status, x-goog-upload-size-received, x-request-id, retry-after',
    'access-control-allow-private-network': 'true',
    'access-control-max-age': '600',
  }
}
