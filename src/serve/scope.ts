// The life of one request: a signal for its end, whatever ends it, and what its log line will say.
import type { ServerResponse } from 'node:http'
import { randomId } from './fileStore.ts'
import { ServeError } from './serveError.ts'
import type { RequestScope } from './types.ts'

export interface OpenScope extends RequestScope {
  readonly notes: Record<string, unknown>
  key: string
  started: number
  /** Ends the request from outside. */
  abort(reason: ServeError): void
}

/** Opens the scope of a request; it ends with the response. */
export function openScope(outgoing: ServerResponse): OpenScope {
  const started = performance.now()
  const controller = new AbortController()
  const notes: Record<string, unknown> = {}
  const timers = new Set<NodeJS.Timeout>()
  outgoing.on('close', () => {
    for (const timer of timers) clearTimeout(timer)
    if (!outgoing.writableFinished) controller.abort(new ServeError('cancelled', 'The client is gone.'))
  })
  return {
    ...{ id: randomId(), key: '', signal: controller.signal, notes, started },
    abort: (reason) => controller.abort(reason),
    limitSeconds(seconds) {
      const left = Math.max(0, seconds * 1000 - (performance.now() - started))
      const over = () => controller.abort(new ServeError('deadline', `The request took longer than ${seconds} s.`))
      timers.add(setTimeout(over, left).unref())
    },
    note: (fields) => void Object.assign(notes, fields),
  }
}
