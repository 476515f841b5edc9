// /batches: a JSONL file of requests, answered in the background into another.
import type { Batch, BatchResult } from '../../batches.ts'
import { parseJson, readJson } from '../../body.ts'
import { ServeError, toServeError } from '../../serveError.ts'
import type { ServeApp, ServeDeps } from '../../types.ts'
import { answerBody, type Asker, batchPaths } from './answers.ts'
import { errorBody, OpenAiError, openaiError } from './errors.ts'
import { Fields, invalidValue } from './fields.ts'
import { fileId, fileName } from './files.ts'
import { pageOf } from './pages.ts'

const maxRequests = 50_000
const maxBytes = 200 * 2 ** 20
const windowSeconds = 24 * 3600

type Path = (typeof batchPaths)[number]

/** A line of the input. */
interface Line {
  customId: string
  body: Record<string, unknown>
}

/** What OpenAI keeps with a batch. */
interface Kept {
  endpoint: string
  inputFile: string
  metadata: Record<string, string> | null
  outputFile?: string
  errorFile?: string
}

type LineBatch = Batch<Line, object>

export function addBatches(app: ServeApp, deps: ServeDeps, asker: (key: string, signal: AbortSignal) => Asker): void {
  const { batches } = deps
  const get = (id: string, key: string) => batches.get(id.replace(/^batch_/, ''), 'openai', key) as LineBatch
  app.post('/batches', async (c) => {
    const { scope, incoming } = c.env
    const body = new Fields(await readJson(incoming as Parameters<typeof readJson>[0], deps.limits.bodyBytes))
    return c.json(batchObject(await start(body, scope.key, deps, asker)))
  })
  app.get('/batches', (c) =>
    c.json(pageOf((batches.list('openai', c.env.scope.key) as LineBatch[]).map(batchObject), c)),
  )
  app.get('/batches/:id', (c) => c.json(batchObject(get(c.req.param('id'), c.env.scope.key))))
  app.post('/batches/:id/cancel', (c) => {
    const { id } = get(c.req.param('id'), c.env.scope.key)
    return c.json(batchObject(batches.cancel(id, 'openai', c.env.scope.key) as LineBatch))
  })
}

async function start(
  body: Fields,
  owner: string,
  deps: ServeDeps,
  asker: (key: string, signal: AbortSignal) => Asker,
): Promise<LineBatch> {
  const endpoint = body.required(
    'endpoint',
    body.oneOf(
      'endpoint',
      batchPaths.map((path) => `/v1${path}` as const),
    ),
  )
  body.required('completion_window', body.oneOf('completion_window', ['24h']))
  const metadata = body.metadata() ?? null
  const inputFile = body.required('input_file_id', body.string('input_file_id', { max: 256 }))
  const requests = readLines(await readFile(inputFile, owner, deps), endpoint)
  const path = endpoint.slice('/v1'.length) as Path
  const model = requests[0].body.model
  const batch = deps.batches.start<Line, object>({
    ...{ protocol: 'openai', owner, model: typeof model === 'string' ? model : '', requests },
    run: (line, signal) => answerBody(path, line.body, asker(owner, signal)),
    onEnd: (ended) => writeFiles(ended, deps),
  })
  Object.assign(batch.output, { endpoint, inputFile, metadata } satisfies Kept)
  return batch
}

async function readFile(name: string, owner: string, { files }: ServeDeps): Promise<Buffer> {
  let size: number
  try {
    size = files.get(fileId(name), owner).bytes
  } catch (cause) {
    throw new OpenAiError('file_not_found', 'input_file_id', `No file found with id '${name.slice(0, 64)}'.`, { cause })
  }
  if (size > maxBytes) throw invalidValue('input_file_id', `the file must be at most ${maxBytes} bytes, got ${size}.`)
  return files.read(fileId(name), owner)
}

/** Lines {custom_id, method, url, body} of a file. @throws OpenAiError naming the line at fault */
export function readLines(bytes: Uint8Array, endpoint: string): Line[] {
  const lines: Line[] = []
  const ids = new Set<string>()
  for (let start = 0, number = 1; start < bytes.length; number++) {
    const found = bytes.indexOf(0x0a, start)
    const end = found < 0 ? bytes.length : found
    const line = bytes.subarray(start, end)
    start = end + 1
    if (line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)) continue
    if (lines.length >= maxRequests)
      throw invalidValue('input_file_id', `the file must have at most ${maxRequests} requests.`)
    lines.push(readLine(line, number, endpoint, ids))
  }
  if (lines.length === 0) throw invalidValue('input_file_id', 'the file holds no requests.')
  return lines
}

function readLine(line: Uint8Array, number: number, endpoint: string, ids: Set<string>): Line {
  try {
    const fields = new Fields(parseJson(line))
    const customId = fields.required('custom_id', fields.string('custom_id', { max: 512 }))
    if (ids.has(customId)) throw invalidValue('custom_id', 'it must differ from those before.')
    ids.add(customId)
    fields.required('method', fields.oneOf('method', ['POST']))
    fields.required('url', fields.oneOf('url', [endpoint]))
    const body = fields.required('body', fields.object('body'))
    if (body.get('stream') === true) throw invalidValue('body.stream', 'answers of a batch are not streamed.')
    return { customId, body: { ...body.value } }
  } catch (thrown) {
    const error = toServeError(thrown)
    const message = `Line ${number} of the file: ${error.message}`
    throw new OpenAiError('invalid_batch_line', 'input_file_id', message, { cause: thrown })
  }
}

/** Answers into one file, failures into another. */
async function writeFiles(batch: LineBatch, { files }: ServeDeps): Promise<void> {
  const kept = batch.output as unknown as Kept
  const write = async (rows: object[], name: string) => {
    if (rows.length === 0) return undefined
    const content = new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    const about = { mimeType: 'application/jsonl', owner: batch.owner, displayName: name, purpose: 'batch_output' }
    return fileName((await files.add(about, content)).id)
  }
  const rows = batch.requests.map((line, i) => ({ isGood: isAnswered(batch.results[i]), row: rowOf(batch, line, i) }))
  const good = rows.filter(({ isGood }) => isGood).map(({ row }) => row)
  const bad = rows.filter(({ isGood }) => !isGood).map(({ row }) => row)
  kept.outputFile = await write(good, `batch_${batch.id}_output.jsonl`)
  kept.errorFile = await write(bad, `batch_${batch.id}_error.jsonl`)
}

function isAnswered(result: BatchResult<object> | undefined): boolean {
  return result !== undefined && 'response' in result
}

function rowOf(batch: LineBatch, { customId }: Line, index: number): object {
  const id = `batch_req_${batch.id}_${index}`
  const request_id = `${batch.id}${index}`
  const result = batch.results[index] ?? { error: new ServeError('cancelled', 'The batch ended before this request.') }
  if ('response' in result) {
    return { id, custom_id: customId, response: { status_code: 200, request_id, body: result.response }, error: null }
  }
  const { status, body } = openaiError(result.error)
  const { code, message } = errorBody(result.error)
  const error = { code: code ?? 'request_failed', message }
  return { id, custom_id: customId, response: { status_code: status, request_id, body }, error }
}

const statuses = {
  pending: 'validating',
  running: 'in_progress',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
} as const

export function batchObject(batch: LineBatch) {
  const { endpoint, inputFile, metadata, outputFile, errorFile } = batch.output as unknown as Kept
  const seconds = (time: number | undefined) => (time === undefined ? null : Math.floor(time / 1000))
  const isEnded = batch.endedAt !== undefined
  const status = batch.state === 'cancelled' && !isEnded ? 'cancelling' : statuses[batch.state]
  const completed = batch.results.filter(isAnswered).length
  const failed = batch.results.filter((result) => result !== undefined).length - completed
  const ended = (state: Batch['state']) => (batch.state === state ? seconds(batch.endedAt) : null)
  return {
    id: `batch_${batch.id}`,
    object: 'batch' as const,
    endpoint,
    model: batch.model,
    errors: batch.error ? { object: 'list', data: [{ ...errorBody(batch.error), line: null }] } : null,
    input_file_id: inputFile,
    completion_window: '24h',
    status,
    output_file_id: outputFile ?? null,
    error_file_id: errorFile ?? null,
    created_at: seconds(batch.createdAt)!,
    in_progress_at: seconds(batch.startedAt),
    expires_at: seconds(batch.createdAt)! + windowSeconds,
    finalizing_at: null,
    completed_at: ended('succeeded'),
    failed_at: ended('failed'),
    expired_at: null,
    cancelling_at: batch.state === 'cancelled' ? seconds(batch.updatedAt) : null,
    cancelled_at: ended('cancelled'),
    request_counts: { total: batch.requests.length, completed, failed },
    metadata,
  }
}
