// batchGenerateContent and asyncBatchEmbedContent: requests in line or in a JSONL file, answered in the background.
import { parseJson } from '../../body.ts'
import type { Batch, BatchResult } from '../../batches.ts'
import { invalid, toServeError } from '../../serveError.ts'
import type { ServeContext } from '../../types.ts'
import { geminiError } from './error.ts'
import { Fields, page } from './fields.ts'
import { answerWhole, type GeminiDeps, prepared, readBody } from './generate.ts'
import { embed } from './models.ts'
import { fileIdOf } from './parts.ts'

interface Line {
  request: Record<string, unknown>
  key?: string
  metadata?: unknown
}

const most = 50_000
const protocol = 'gemini'

export async function createBatch(
  c: ServeContext,
  deps: GeminiDeps,
  model: string,
  isEmbedding: boolean,
): Promise<Response> {
  const { key } = c.env.scope
  const batchFields = new Fields(await readBody(c, deps)).message('batch')
  const input = batchFields?.message('inputConfig')
  if (!batchFields || !input) throw invalid('batch.input_config', 'batch.input_config: must be set.')
  // an unknown model fails now, not line by line
  await deps.chat.count({ model, turns: [] })
  const fileName = input.string('fileName')
  const lines = fileName === undefined ? inlineLines(input) : await fileLines(deps, fileName, key)
  if (lines.length === 0) throw invalid(input.path, 'A batch must hold at least one request, got none.')
  if (lines.length > most) throw invalid(input.path, `A batch must hold at most ${most} requests, got ${lines.length}.`)
  const scope = { key, note: () => undefined }
  const run = async (line: Line, signal: AbortSignal): Promise<Record<string, unknown>> => {
    if (!isEmbedding) return answerWhole(await prepared(line.request, model, deps, scope), deps, signal)
    const { embeddings } = await embed(deps, model, [new Fields(line.request)], { key, signal })
    return { embedding: embeddings[0] }
  }
  const batch = deps.batches.start<Line, Record<string, unknown>>({
    ...{ protocol, owner: key, model, displayName: batchFields.string('displayName'), requests: lines, run },
    onEnd: async (ended) => {
      if (fileName === undefined) return
      const text = ended.results
        .map((result, i) => JSON.stringify({ key: ended.requests[i].key, ...shownResult(result) }))
        .join('\n')
      const file = await deps.files.add(
        { mimeType: 'application/jsonl', owner: key, displayName: 'batch results' },
        Buffer.from(`${text}\n`),
      )
      ended.output.responsesFile = `files/${file.id}`
    },
  })
  batch.output.isEmbedding = isEmbedding
  batch.output.isFile = fileName !== undefined
  return c.json(shown(batch as Batch))
}

function inlineLines(input: Fields): Line[] {
  const requests = input.message('requests')?.list('requests') ?? []
  return requests.map(({ value, path }) => lineOf(Fields.of(value, path)))
}

function lineOf(line: Fields): Line {
  const request = line.message('request')
  if (!request) throw invalid(line.at('request'), `${line.at('request')}: must be set.`)
  return {
    request: line.get('request') as Record<string, unknown>,
    key: line.string('key'),
    metadata: line.get('metadata'),
  }
}

async function fileLines(deps: GeminiDeps, name: string, owner: string): Promise<Line[]> {
  const id = fileIdOf(name)
  if (id === undefined) throw invalid('batch.input_config.file_name', `Invalid file name: ${name.slice(0, 80)}`)
  const text = (await deps.files.read(id, owner)).toString()
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, i) => lineOf(new Fields(parseJson(Buffer.from(line)), `line ${i + 1}`)))
}

function shownResult(result: BatchResult<unknown> | undefined): Record<string, unknown> {
  if (result && 'response' in result) return { response: result.response }
  const error = result ? result.error : toServeError(new DOMException('cancelled', 'AbortError'))
  const { code, message, status } = geminiError(error).body.error
  return { error: { code, message, status } }
}

function shown(batch: Batch): Record<string, unknown> {
  const time = (at: number | undefined): string | undefined =>
    at === undefined ? undefined : new Date(at).toISOString()
  const isDone = batch.endedAt !== undefined
  const name = `batches/${batch.id}`
  const failed = batch.results.filter((result) => result && 'error' in result).length
  const succeeded = batch.results.filter((result) => result && 'response' in result).length
  const output = isDone ? outputOf(batch) : undefined
  return {
    name,
    metadata: {
      '@type': 'type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch',
      ...{
        name,
        model: `models/${batch.model}`,
        displayName: batch.displayName,
        state: `BATCH_STATE_${batch.state.toUpperCase()}`,
      },
      ...{ createTime: time(batch.createdAt), updateTime: time(batch.updatedAt), endTime: time(batch.endedAt) },
      batchStats: {
        requestCount: String(batch.requests.length),
        successfulRequestCount: String(succeeded),
        failedRequestCount: String(failed),
        pendingRequestCount: String(batch.requests.length - succeeded - failed),
      },
      ...(output ? { output } : {}),
    },
    ...(isDone ? { done: true } : {}),
    ...(batch.error ? { error: geminiError(batch.error).body.error } : {}),
    ...(isDone && !batch.error ? { response: output } : {}),
  }
}

function outputOf({ output, results, requests }: Batch): Record<string, unknown> {
  if (output.isFile) return { responsesFile: output.responsesFile }
  const responses = results.map((result, i) => {
    const { metadata } = requests[i] as Line
    return { ...shownResult(result), ...(metadata === undefined ? {} : { metadata }) }
  })
  if (output.isEmbedding) return { inlinedEmbedContentResponses: { inlinedResponses: responses } }
  return { inlinedResponses: { inlinedResponses: responses } }
}

export function getBatch(c: ServeContext, deps: GeminiDeps, id: string): Response {
  return c.json(shown(deps.batches.get(id, protocol, c.env.scope.key)))
}

export function listBatches(c: ServeContext, deps: GeminiDeps): Response {
  const { items, nextPageToken } = page(deps.batches.list(protocol, c.env.scope.key), c.req.query())
  return c.json({ operations: items.map(shown), nextPageToken })
}

export function cancelBatch(c: ServeContext, deps: GeminiDeps, id: string): Response {
  deps.batches.cancel(id, protocol, c.env.scope.key)
  return c.json({})
}

export function deleteBatch(c: ServeContext, deps: GeminiDeps, id: string): Response {
  deps.batches.remove(id, protocol, c.env.scope.key)
  return c.json({})
}
