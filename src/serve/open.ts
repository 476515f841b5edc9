// A whole server from a ChatService: its parts with their defaults, both protocols, and the end of all of it.
import { join } from 'node:path'
import type { Engine } from '../inference/index.ts'
import { App, type AppOptions } from './app.ts'
import { ApiKeys } from './auth.ts'
import { Batches } from './batches.ts'
import type { ChatService } from './chat.ts'
import { FileStore, type FileStoreOptions } from './fileStore.ts'
import { type Log, openLog } from './log.ts'
import { ServeMetrics } from './metrics.ts'
import { observed } from './observed.ts'
import { checkOrigin } from './origin.ts'
import { gemini } from './protocols/gemini/index.ts'
import { LiveTokens, liveServer } from './protocols/gemini/live.ts'
import { openai } from './protocols/openai/index.ts'
import { RateLimits, type RateLimitOptions } from './rateLimits.ts'
import { type RunningServer, startServer } from './server.ts'
import type { ServeDeps, ServeLimits } from './types.ts'

export interface OpenServerOptions {
  chat: ChatService
  /** For metrics and dashboards. */
  engine?: Pick<Engine, 'stats'>
  /** Folder for uploaded files. */
  folder: string
  /** Secrets, or name=secret. Default: none, anybody who reaches the server may ask. */
  keys?: readonly string[]
  rates?: RateLimitOptions
  limits?: Partial<ServeLimits>
  files?: Partial<Omit<FileStoreOptions, 'folder'>>
  /** Default '127.0.0.1', and any free port. */
  host?: string
  port?: number
  /** Origins of pages that may ask, beside those of this machine; '*': all. */
  cors?: readonly string[]
  studio?: AppOptions['studio']
  log?: Log
  version?: string
}

export interface OpenedServer extends RunningServer {
  readonly app: App
  readonly deps: ServeDeps
}

export const defaultLimits: ServeLimits = {
  bodyBytes: 64 * 2 ** 20,
  unarySeconds: 600,
  streamSeconds: 1200,
  stallSeconds: 60,
  pingSeconds: 15,
  requests: 256,
}

/** Opens a server. The caller closes what it gave: the engine behind `chat`. */
export async function openServer(options: OpenServerOptions): Promise<OpenedServer> {
  const { chat, engine, folder, host = '127.0.0.1', log = openLog(), version = '0' } = options
  const keys = new ApiKeys(options.keys)
  const rates = new RateLimits(options.rates)
  const [card] = chat.models()
  const metrics = new ServeMetrics(card?.id ?? 'none', engine && (() => engine.stats()))
  const deps: ServeDeps = {
    chat: observed(chat, { metrics, rates }),
    files: new FileStore({ folder: join(folder, 'files'), ...options.files }),
    batches: new Batches(),
    ...{ metrics, log, engine, liveTokens: new LiveTokens() },
    limits: { ...defaultLimits, ...options.limits },
  }
  const isLoopback = /^(127\.|localhost$|::1$)/.test(host)
  const origins = { allowed: options.cors ?? [], loopbackHost: isLoopback && keys.isOpen }
  const app = new App(deps, { protocols: { gemini, openai }, studio: options.studio, keys, rates, origins, version })
  const live = liveServer({
    ...{ deps, keys, rates, tokens: deps.liveTokens },
    checkOrigin: (request) => {
      checkOrigin(request, origins)
    },
  })
  const running = await startServer(app, { host, port: options.port, upgrade: live.upgrade })
  return {
    ...running,
    app,
    deps,
    async close(seconds) {
      deps.batches.close()
      live.close()
      await running.close(seconds)
      await deps.files.close()
    },
  }
}
