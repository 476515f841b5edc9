// The studio's own routes (wire.ts lists them).
//
// They only read: runs, what the engine is doing, and which experts read an answer. Chat goes through the Gemini protocol.
import { readFile } from 'node:fs/promises'
import type { Context } from 'hono'
import type { Engine } from '../../inference/index.ts'
import { isRecord, PolluxError } from '../../util/index.ts'
import { readJson } from '../body.ts'
import { geminiError } from '../protocols/gemini/error.ts'
import { readRequest } from '../protocols/gemini/request.ts'
import { invalid, ServeError } from '../serveError.ts'
import type { ServeApp, ServeContext, ServeDeps } from '../types.ts'
import { pagePath, readLoadHistory, readMetricsPage, readRunDetail, readRuns } from './runFiles.ts'
import type { About, EngineView, ExpertTrace } from './wire.ts'

export interface StudioOptions {
  version: string
  /** Folder of the runs. */
  runsFolder: string
  /** Left out: the page of the engine says that there is none. */
  engine?: Pick<Engine, 'stats' | 'contextTokens' | 'experts'>
}

/** The parts of a server that the routes use. */
type StudioDeps = Pick<ServeDeps, 'chat' | 'files' | 'limits'>

/** Reports hold their own scripts: they may run those, and reach nothing, this server included. */
const reportPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; media-src data:; sandbox allow-scripts"

/** Adds the routes to an app that stands at /studio-api. */
export function studioRoutes(app: ServeApp, deps: StudioDeps, { runsFolder, engine, version }: StudioOptions): void {
  app.get('/about', (c) => {
    const hasExperts = engine !== undefined && engine.experts !== null
    const about = { version, runsFolder, engine: engine !== undefined, experts: hasExperts }
    return c.json(about satisfies About)
  })
  app.get('/runs', async (c) => c.json({ runs: await readRuns(runsFolder) }))
  app.get('/runs/:name', (c) => answer(c, () => readRunDetail(runsFolder, c.req.param('name'))))
  app.get('/runs/:name/metrics', (c) =>
    answer(c, () => readMetricsPage(runsFolder, c.req.param('name'), c.req.query('from') ?? '')),
  )
  app.get('/runs/:name/load', (c) => {
    const asked = Number(c.req.query('frames') ?? 60)
    const frames = Number.isInteger(asked) ? Math.max(1, Math.min(500, asked)) : 60
    return answer(c, () => readLoadHistory(runsFolder, c.req.param('name'), frames))
  })
  app.get('/runs/:name/pages/:file', async (c) => {
    try {
      const page = await readFile(await pagePath(runsFolder, c.req.param('name'), c.req.param('file')))
      return c.body(page, 200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': reportPolicy })
    } catch (error) {
      return failure(c, error)
    }
  })
  app.get('/engine', async (c) => {
    if (engine === undefined) return problem(c, 501, 'This server has no engine to ask.')
    const view = { at: Date.now(), contextTokens: engine.contextTokens, ...(await engine.stats()) }
    return c.json(view satisfies EngineView)
  })
  app.post('/experts', (c) => answer(c, () => expertsOf(c, deps)))
}

/** @throws ServeError */
async function expertsOf(c: ServeContext, { chat, files, limits }: StudioDeps): Promise<ExpertTrace> {
  const { scope, incoming } = c.env
  scope.limitSeconds(limits.unarySeconds)
  const { model, request } = await readJson(incoming, limits.bodyBytes)
  if (typeof model !== 'string') throw invalid('model', 'model: must be the name of a model.')
  if (!isRecord(request)) throw invalid('request', 'request: must be a request as generateContent takes it.')
  const read = await readRequest(request, model, { files, owner: scope.key }, 'request')
  if (read.cached !== undefined) throw invalid('request.cachedContent', 'Cached contents are not read here.')
  return chat.experts(read.chat, scope.signal)
}

async function answer(c: Context, work: () => Promise<object>): Promise<Response> {
  try {
    return c.json(await work())
  } catch (error) {
    return failure(c, error)
  }
}

/** Errors about runs are 404; others that a person can put right 400; the rest goes up. */
function failure(c: Context, error: unknown): Response {
  if (error instanceof ServeError) {
    const { status, body } = geminiError(error)
    return c.json(body, status as 400)
  }
  if (!(error instanceof PolluxError)) throw error
  return problem(c, error.message.startsWith('runs:') ? 404 : 400, error.message)
}

const statuses = { 400: 'INVALID_ARGUMENT', 404: 'NOT_FOUND', 501: 'UNIMPLEMENTED' } as const

function problem(c: Context, code: keyof typeof statuses, message: string): Response {
  return c.json({ error: { code, message, status: statuses[code] } }, code)
}
