// What routes are given: the parts of the server, and what is known of one request.
import type { HttpBindings } from '@hono/node-server'
import type { Context, Hono } from 'hono'
import type { Engine } from '../inference/index.ts'
import type { Batches } from './batches.ts'
import type { ChatService } from './chat.ts'
import type { FileStore } from './fileStore.ts'
import type { Log } from './log.ts'
import type { ServeMetrics } from './metrics.ts'
import type { LiveTokens } from './protocols/gemini/live.ts'
import type { ServeError } from './serveError.ts'

/** Bounds that a server keeps. */
export interface ServeLimits {
  /** Bytes of a JSON body. Default 64 MiB. */
  bodyBytes: number
  /** Seconds that a request may take: whole, and streamed. Default 600 and 1,200. */
  unarySeconds: number
  streamSeconds: number
  /** Seconds after which a stream whose client reads nothing is given up. Default 60. */
  stallSeconds: number
  /** Seconds between the comments that keep a silent stream open. Default 15. */
  pingSeconds: number
  /** Requests in work at once; more are turned away. Default 256. */
  requests: number
}

/** The parts of a server that routes use. */
export interface ServeDeps {
  chat: ChatService
  files: FileStore
  batches: Batches
  metrics: ServeMetrics
  log: Log
  limits: ServeLimits
  /** Tokens for Live sessions. */
  liveTokens: LiveTokens
  /** For dashboards; protocols ask `chat`. */
  engine?: Pick<Engine, 'stats'>
}

/** What is known of one request. */
export interface RequestScope {
  /** [a-z0-9]+, also in the header x-request-id. */
  id: string
  /** Name of the API key, '' without keys. */
  key: string
  /** Aborted when the client goes, time is over or the server ends; its reason is a ServeError. */
  signal: AbortSignal
  /** Lets the request take at most so many seconds from its start. */
  limitSeconds(seconds: number): void
  /** Kept for the log line. */
  note(fields: Record<string, unknown>): void
}

export interface ServeEnv {
  Bindings: HttpBindings & { scope: RequestScope }
}

export type ServeContext = Context<ServeEnv>
export type ServeApp = Hono<ServeEnv>

/** A wire protocol: its routes, with paths as they stand behind the version, and the shape of its errors. */
export interface Protocol {
  routes(app: ServeApp, deps: ServeDeps): void
  error(error: ServeError): { status: number; body: unknown; headers?: Record<string, string> }
}
