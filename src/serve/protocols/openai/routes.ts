// Routes of the OpenAI API; paths stand behind the version.
import type { IncomingMessage } from 'node:http'
import type { ModelCard } from '../../chat.ts'
import { readJson } from '../../body.ts'
import { ServeError } from '../../serveError.ts'
import { answerStream, type StreamWriter } from '../../sse.ts'
import type { ServeApp, ServeContext, ServeDeps } from '../../types.ts'
import {
  answerChat,
  answerCompletion,
  answerResponse,
  type Asker,
  newResponse,
  streamChat,
  streamCompletion,
  streamResponse,
} from './answers.ts'
import { addBatches } from './batches.ts'
import { readChatCall } from './chatRequest.ts'
import { readCompletionCall } from './completions.ts'
import { embed, readEmbeddingCall } from './embeddings.ts'
import { errorBody } from './errors.ts'
import { addFiles, fileId } from './files.ts'
import { pageOf } from './pages.ts'
import { readResponseCall, type ResponseCall } from './responses/request.ts'
import { ResponseStore } from './responses/store.ts'

/** Adds the routes of the OpenAI API. */
export function openaiRoutes(app: ServeApp, deps: ServeDeps): void {
  const responses = new ResponseStore()
  const askerOf = (key: string, signal: AbortSignal): Asker => ({
    ...{ chat: deps.chat, responses, key, signal },
    files: async (name) => {
      const { id, mimeType } = deps.files.get(fileId(name), key)
      return { mimeType, bytes: await deps.files.read(id, key) }
    },
  })
  const asker = (c: ServeContext) => askerOf(c.env.scope.key, c.env.scope.signal)
  const body = (c: ServeContext) => readJson(c.env.incoming as IncomingMessage, deps.limits.bodyBytes)

  app.post('/chat/completions', async (c) => {
    const call = await readChatCall(await body(c), asker(c).files)
    note(c, deps, call)
    return call.stream ? streamed(c, deps, streamChat(call, asker(c))) : c.json(await answerChat(call, asker(c)))
  })
  app.post('/completions', async (c) => {
    const call = readCompletionCall(await body(c))
    note(c, deps, { request: call.requests[0], stream: call.stream })
    if (call.stream) return streamed(c, deps, streamCompletion(call, asker(c)))
    return c.json(await answerCompletion(call, asker(c)))
  })
  app.post('/embeddings', async (c) => {
    const call = readEmbeddingCall(await body(c))
    note(c, deps, { request: call, stream: false })
    return c.json(await embed(deps.chat, call, c.env.scope.signal))
  })
  addModels(app, deps)
  addResponses(app, deps, responses, asker)
  addFiles(app, deps)
  addBatches(app, deps, askerOf)
}

/** Bounds the time of a request, and says in the log what it was. */
function note(c: ServeContext, { limits }: ServeDeps, call: { request: { model: string }; stream: boolean }): void {
  c.env.scope.limitSeconds(call.stream ? limits.streamSeconds : limits.unarySeconds)
  c.env.scope.note({ model: call.request.model.slice(0, 100), stream: call.stream })
}

function streamed(c: ServeContext, { limits }: ServeDeps, chunks: AsyncIterable<object>): Promise<Response> {
  const onError = (error: ServeError) => `data: ${JSON.stringify({ error: errorBody(error) })}\n\n`
  return answerStream(c, { limits, onError }, async (stream: StreamWriter) => {
    for await (const chunk of chunks) await stream.event(chunk)
    await stream.raw('data: [DONE]\n\n')
  })
}

function addModels(app: ServeApp, { chat }: ServeDeps): void {
  app.get('/models', (c) => c.json({ object: 'list', data: chat.models().map(modelObject) }))
  app.get('/models/:id{.+}', (c) => {
    const id = c.req.param('id').replace(/^models\//, '')
    const card = chat.models().find((model) => model.id === id)
    if (card) return c.json(modelObject(card))
    throw new ServeError('notFound', `The model '${id.slice(0, 100)}' does not exist.`, { field: 'model' })
  })
}

function modelObject({ id, created, description, inputTokens, outputTokens, inputs, outputs }: ModelCard) {
  return {
    id,
    object: 'model' as const,
    created: Math.floor(created),
    owned_by: 'pollux',
    description,
    context_length: inputTokens,
    max_completion_tokens: outputTokens,
    architecture: { input_modalities: inputs, output_modalities: outputs },
  }
}

function addResponses(
  app: ServeApp,
  deps: ServeDeps,
  responses: ResponseStore,
  asker: (c: ServeContext) => Asker,
): void {
  const read = async (c: ServeContext) => {
    const body = await readJson(c.env.incoming as IncomingMessage, deps.limits.bodyBytes)
    return readResponseCall(body, asker(c).files, responses.history(c.env.scope.key))
  }
  app.post('/responses', async (c) => {
    const call = await read(c)
    note(c, deps, call)
    return call.stream ? streamedResponse(c, deps, call, asker(c)) : c.json(await answerResponse(call, asker(c)))
  })
  app.post('/responses/input_tokens', async (c) => {
    const counts = await deps.chat.count((await read(c)).request)
    const input_tokens = Object.values(counts).reduce((sum, tokens) => sum + tokens, 0)
    return c.json({ object: 'response.input_tokens', input_tokens })
  })
  const stored = (c: ServeContext) => responses.get(c.req.param('id') ?? '', c.env.scope.key)
  app.get('/responses/:id', (c) => {
    const { response } = stored(c)
    if (c.req.query('stream') !== 'true') return c.json(response)
    throw new ServeError('invalid', 'A response that has ended is not streamed again.', { field: 'stream' })
  })
  app.delete('/responses/:id', (c) => {
    const { id } = stored(c)
    responses.remove(id, c.env.scope.key)
    return c.json({ id, object: 'response', deleted: true })
  })
  app.post('/responses/:id/cancel', (c) => {
    stored(c)
    throw new ServeError('invalid', 'Only responses in the background can be cancelled.', { field: 'response_id' })
  })
  app.get('/responses/:id/input_items', (c) => {
    const { id, input } = stored(c)
    const items = input.map((item, i) => ({
      type: 'message',
      ...item,
      id: typeof item.id === 'string' ? item.id : `${id}_${i}`,
    }))
    return c.json(pageOf(items.reverse(), c))
  })
}

function streamedResponse(c: ServeContext, { limits }: ServeDeps, call: ResponseCall, asker: Asker): Promise<Response> {
  const builder = newResponse(call)
  const onError = (error: ServeError) => {
    const { code, message, param } = errorBody(error)
    const event = { type: 'error', code, message, param, sequence_number: builder.sequence }
    return `event: error\ndata: ${JSON.stringify(event)}\n\n`
  }
  return answerStream(c, { limits, onError }, async (stream) => {
    for await (const event of streamResponse(call, builder, asker)) await stream.event(event, event.type)
  })
}
