// From an HTTP request to the routes of a protocol: origin, key, limits, then the protocol's own app; every failure in
// the protocol's own shape.
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { ApiKeys } from './auth.ts'
import { checkOrigin, corsHeaders, type OriginRules } from './origin.ts'
import { cleanPath, type ProtocolName, routeOf } from './paths.ts'
import { RateLimits } from './rateLimits.ts'
import { openScope, type OpenScope } from './scope.ts'
import { ServeError, toServeError } from './serveError.ts'
import { staticFile } from './staticFiles.ts'
import type { Protocol, ServeApp, ServeDeps, ServeEnv } from './types.ts'

export interface AppOptions {
  protocols: Record<ProtocolName, Protocol>
  /** Routes under /studio-api, and the folder of the studio's built files, served at /. */
  studio?: { api?: (app: ServeApp, deps: ServeDeps) => void; folder?: string }
  keys?: ApiKeys
  rates?: RateLimits
  origins: OriginRules
  version: string
}

/** Paths behind the version by request: a sub-app routes by these. */
const pathOf = new WeakMap<Request, string>()

export class App {
  readonly deps: ServeDeps
  readonly keys: ApiKeys
  readonly rates: RateLimits
  readonly #options: AppOptions
  readonly #apps: Record<ProtocolName | 'studio', ServeApp>
  readonly #active = new Set<OpenScope>()
  #isDraining = false

  constructor(deps: ServeDeps, options: AppOptions) {
    this.deps = deps
    this.keys = options.keys ?? new ApiKeys()
    this.rates = options.rates ?? new RateLimits()
    this.#options = options
    const { gemini, openai } = options.protocols
    this.#apps = {
      gemini: this.#subApp(gemini, (app) => gemini.routes(app, deps)),
      openai: this.#subApp(openai, (app) => openai.routes(app, deps)),
      studio: this.#subApp(openai, (app) => options.studio?.api?.(app, deps)),
    }
  }

  #subApp(protocol: Protocol, register: (app: ServeApp) => void): ServeApp {
    const app: ServeApp = new Hono<ServeEnv>({ getPath: (request) => pathOf.get(request) ?? '/' })
    register(app)
    app.notFound((c) => {
      throw new ServeError('notFound', `${c.req.method} ${c.req.path} is not a path of this API.`)
    })
    app.onError((thrown, c) => {
      const error = toServeError(thrown, c.env.scope.signal)
      return this.#fail(error, protocol, c.env.scope)
    })
    return app
  }

  #fail(error: ServeError, protocol: Protocol, scope: OpenScope | ServeEnv['Bindings']['scope']): Response {
    const { status, body, headers } = protocol.error(error)
    scope.note({ error: error.kind, message: error.message })
    if (error.kind === 'internal') scope.note({ cause: stackOf(error.cause) })
    const retry = error.retrySeconds === undefined ? {} : { 'retry-after': String(error.retrySeconds) }
    // 499 is for the log: nobody reads the answer
    return new Response(JSON.stringify(body), {
      status,
      headers: { 'content-type': 'application/json; charset=UTF-8', ...retry, ...headers },
    })
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** Requests in work. */
  get active(): number {
    return this.#active.size
  }

  /** Takes no more requests; resolves when those in work have ended, or after `seconds`, when they are cut. */
  async drain(seconds: number): Promise<void> {
    this.#isDraining = true
    const until = performance.now() + seconds * 1000
    while (this.#active.size > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20))
    for (const scope of this.#active) scope.abort(new ServeError('unavailable', 'The server is shutting down.'))
  }

  /** Answers one request. */
  async fetch(request: Request, bindings: HttpBindings): Promise<Response> {
    const response = await this.#answer(request, bindings)
    // what is left is to send it: a client that takes nothing for so long must not hold a place among the requests
    const { outgoing } = bindings
    outgoing.setTimeout(this.deps.limits.stallSeconds * 1000, () => outgoing.destroy())
    return response
  }

  async #answer(request: Request, bindings: HttpBindings): Promise<Response> {
    const { incoming, outgoing } = bindings
    const scope = openScope(outgoing)
    const url = new URL(request.url)
    outgoing.setHeader('x-request-id', scope.id)
    let name = 'server'
    this.#active.add(scope)
    outgoing.on('close', () => {
      this.#active.delete(scope)
      const status = outgoing.writableFinished ? outgoing.statusCode : 499
      this.deps.metrics.http(name, status)
      const ms = Math.round(performance.now() - scope.started)
      const path = cleanPath(url.pathname)
      const key = scope.key === '' ? {} : { key: scope.key }
      this.deps.log.write('request', {
        id: scope.id,
        method: request.method,
        path,
        protocol: name,
        status,
        ms,
        ...key,
        ...scope.notes,
      })
    })
    const route = routeOf(request.method, url.pathname, url.searchParams, incoming.headers)
    const protocol = this.#options.protocols[route.protocol]
    try {
      checkOrigin(incoming, this.#options.origins)
      for (const [header, value] of Object.entries(corsHeaders(incoming, this.#options.origins)))
        outgoing.setHeader(header, value)
      if (request.method === 'OPTIONS') return new Response(null, { status: 204 })
      const own = await this.#ownRoute(request.method, cleanPath(url.pathname))
      if (own) return own
      const isStudio = /^\/studio-api(\/|$)/.test(cleanPath(url.pathname))
      name = isStudio ? 'studio' : route.protocol
      scope.key = this.keys.check(incoming, url.searchParams)
      if (this.#isDraining) throw new ServeError('unavailable', 'The server is shutting down.', { retrySeconds: 5 })
      const { requests } = this.deps.limits
      if (this.#active.size > requests) {
        throw new ServeError('exhausted', `At most ${requests} requests are served at once.`, { retrySeconds: 1 })
      }
      const isCounted = !isStudio && request.method === 'POST'
      try {
        if (isCounted) this.rates.take(scope.key)
      } finally {
        if (isCounted && name === 'openai') {
          for (const [header, value] of Object.entries(this.rates.headers(scope.key))) outgoing.setHeader(header, value)
        }
      }
      pathOf.set(request, isStudio ? cleanPath(url.pathname).slice('/studio-api'.length) || '/' : route.path)
      return await this.#apps[isStudio ? 'studio' : route.protocol].fetch(request, { ...bindings, scope })
    } catch (thrown) {
      return this.#fail(toServeError(thrown, scope.signal), protocol, scope)
    }
  }

  async #ownRoute(method: string, path: string): Promise<Response | undefined> {
    if (method !== 'GET' && method !== 'HEAD') return undefined
    if (path === '/health') {
      return this.#isDraining ? json({ status: 'draining' }, 503) : json({ status: 'ok' }, 200)
    }
    if (path === '/version') return json({ version: this.#options.version }, 200)
    if (path === '/metrics') {
      const { metrics } = this.deps
      return new Response(await metrics.text(), { headers: { 'content-type': metrics.registry.contentType } })
    }
    const folder = this.#options.studio?.folder
    return folder === undefined ? undefined : staticFile(folder, path)
  }
}

function json(value: unknown, status: number): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } })
}

function stackOf(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}
