// Answers to bodies: whole as an object, or streamed. Routes and batches share what makes the objects.
import type { ChatEvent, ChatRequest, ChatService } from '../../chat.ts'
import { randomId } from '../../fileStore.ts'
import { type AnswerHead, ChatChunks, chatCompletion, Choice } from './chatAnswer.ts'
import { readChatCall, type ChatCall } from './chatRequest.ts'
import { Completion, type CompletionCall, readCompletionCall } from './completions.ts'
import type { FileSource } from './content.ts'
import { embed, readEmbeddingCall } from './embeddings.ts'
import { merge } from './merge.ts'
import { ResponseBuilder } from './responses/answer.ts'
import { readResponseCall, type ResponseCall } from './responses/request.ts'
import type { ResponseStore } from './responses/store.ts'
import { samplingOfChoice } from './sampling.ts'

/** Who asks, and with what. */
export interface Asker {
  chat: ChatService
  files: FileSource
  responses: ResponseStore
  /** Name of the API key. */
  key: string
  signal: AbortSignal
}

function headOf(prefix: string, model: string): AnswerHead {
  return { id: `${prefix}-${randomId()}`, created: Math.floor(Date.now() / 1000), model }
}

/** Events of several answers as they come. */
async function* askAll(
  requests: readonly ChatRequest[],
  { chat, key, signal }: Asker,
): AsyncGenerator<{ index: number; event: ChatEvent }> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  yield* merge(
    requests.map((request) => chat.chat({ ...request, key }, both)),
    stop,
  )
}

function choiceRequests({ request, choices }: ChatCall): ChatRequest[] {
  return Array.from({ length: choices }, (_, i) => {
    const sampling = samplingOfChoice(request.sampling, i)
    return sampling ? { ...request, sampling } : request
  })
}

export async function answerChat(call: ChatCall, asker: Asker) {
  const choices = Array.from({ length: call.choices }, (_, i) => new Choice(i))
  for await (const { index, event } of askAll(choiceRequests(call), asker)) choices[index].push(event)
  return chatCompletion(headOf('chatcmpl', call.request.model), choices)
}

export async function* streamChat(call: ChatCall, asker: Asker): AsyncGenerator<object> {
  const chunks = new ChatChunks(headOf('chatcmpl', call.request.model), call.choices, call.includeUsage)
  for await (const { index, event } of askAll(choiceRequests(call), asker)) yield* chunks.push(index, event)
  yield* chunks.end()
}

function newCompletion(call: CompletionCall, { chat }: Asker): Completion {
  return new Completion(headOf('cmpl', call.requests[0].model), call, ({ model, raw = '' }) =>
    typeof raw === 'string' ? raw : chat.text(model, raw),
  )
}

export async function answerCompletion(call: CompletionCall, asker: Asker) {
  const completion = newCompletion(call, asker)
  for await (const { index, event } of askAll(call.requests, asker)) completion.push(index, event)
  return completion.whole()
}

export async function* streamCompletion(call: CompletionCall, asker: Asker): AsyncGenerator<object> {
  const completion = newCompletion(call, asker)
  for await (const { index, event } of askAll(call.requests, asker)) yield* completion.push(index, event)
  yield* completion.end()
}

/** Events of a response; at its end it is kept, if it may be. */
export async function* streamResponse(call: ResponseCall, builder: ResponseBuilder, asker: Asker) {
  const { chat, key, signal, responses } = asker
  let isBegun = false
  for await (const event of chat.chat({ ...call.request, key }, signal)) {
    if (!isBegun) yield* builder.begin()
    isBegun = true
    const events = builder.push(event)
    // kept before it is told, so that whoever hears of it can follow it
    if (event.type === 'finish' && call.store) keep(call, builder, responses, key)
    yield* events
  }
}

function keep(call: ResponseCall, builder: ResponseBuilder, responses: ResponseStore, owner: string): void {
  const { input, earlier } = call
  const items = [...earlier, ...input, ...builder.kept()]
  responses.add({ id: builder.id, owner, response: builder.response(), input, items })
}

export function newResponse(call: ResponseCall): ResponseBuilder {
  return new ResponseBuilder(call, Math.floor(Date.now() / 1000))
}

export async function answerResponse(call: ResponseCall, asker: Asker) {
  const builder = newResponse(call)
  const events = streamResponse(call, builder, asker)
  while (!(await events.next()).done);
  return builder.response()
}

/** Paths behind /v1 that a batch may ask. */
export const batchPaths = ['/chat/completions', '/completions', '/responses', '/embeddings'] as const

/** The whole answer to the body of a request. */
export async function answerBody(
  path: (typeof batchPaths)[number],
  body: Record<string, unknown>,
  asker: Asker,
): Promise<object> {
  switch (path) {
    case '/chat/completions':
      return answerChat(await readChatCall(body, asker.files), asker)
    case '/completions':
      return answerCompletion(readCompletionCall(body), asker)
    case '/responses':
      return answerResponse(await readResponseCall(body, asker.files, asker.responses.history(asker.key)), asker)
    case '/embeddings':
      return embed(asker.chat, readEmbeddingCall(body), asker.signal)
  }
}
