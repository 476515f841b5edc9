// generateContent and streamGenerateContent.
import { readJson } from '../../body.ts'
import type { ChatEvent, ChatRequest, ChatUsage, ModelCard } from '../../chat.ts'
import { randomId } from '../../fileStore.ts'
import { answerStream } from '../../sse.ts'
import type { RequestScope, ServeContext, ServeDeps } from '../../types.ts'
import type { CacheStore } from './caches.ts'
import { geminiError } from './error.ts'
import { type GeminiRequest, readRequest } from './request.ts'
import { CandidateGatherer, promptFeedback, streamedCandidate, usageMetadata } from './response.ts'

export interface GeminiDeps extends ServeDeps {
  caches: CacheStore
}

/** The body of a request; time is limited from here. */
export async function readBody(
  c: ServeContext,
  deps: ServeDeps,
  seconds = deps.limits.unarySeconds,
): Promise<Record<string, unknown>> {
  const { scope, incoming } = c.env
  const asked = Number(incoming.headers['x-server-timeout'])
  scope.limitSeconds(asked > 0 ? Math.min(asked, seconds) : seconds)
  return readJson(incoming, deps.limits.bodyBytes)
}

async function requestOf(c: ServeContext, deps: GeminiDeps, model: string, seconds: number): Promise<GeminiRequest> {
  const { scope } = c.env
  const body = await readBody(c, deps, seconds)
  return prepared(body, model, deps, scope)
}

/** A body as a request, with its cached content in front. */
export async function prepared(
  body: Record<string, unknown>,
  model: string,
  deps: GeminiDeps,
  scope: Pick<RequestScope, 'key' | 'note'>,
): Promise<GeminiRequest> {
  const request = await readRequest(body, model, { files: deps.files, owner: scope.key })
  request.chat.key = scope.key
  if (request.cached !== undefined) request.chat = deps.caches.merge(request.cached, scope.key, request.chat)
  scope.note({ model, ...(request.ignored.length > 0 ? { ignored: request.ignored } : {}) })
  if (deps.log.texts) scope.note({ turns: request.chat.turns })
  return request
}

/** The requests for each candidate: a seed each. */
function candidatesOf({ chat, candidates }: GeminiRequest): ChatRequest[] {
  const seed = chat.sampling?.seed
  return Array.from({ length: candidates }, (_, i) =>
    i === 0 || seed === undefined ? chat : { ...chat, sampling: { ...chat.sampling, seed: (seed + i) >>> 0 } },
  )
}

export async function generateContent(c: ServeContext, deps: GeminiDeps, model: string): Promise<Response> {
  const { scope } = c.env
  const request = await requestOf(c, deps, model, deps.limits.unarySeconds)
  const response = await answerWhole(request, deps, scope.signal)
  scope.note({ usage: response.usageMetadata })
  return c.json(response)
}

/** A whole response. */
export async function answerWhole(
  request: GeminiRequest,
  deps: GeminiDeps,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const gathered = await Promise.all(
    candidatesOf(request).map(async (chat, i) => {
      const gatherer = new CandidateGatherer(i)
      for await (const event of deps.chat.chat(chat, both)) gatherer.push(event)
      return gatherer
    }),
  ).catch((error: unknown) => {
    // one has failed: the others are no longer wanted
    stop.abort(error)
    throw error
  })
  const finishes = gathered.map(({ finish }) => finish!)
  const isBlocked = finishes[0].reason === 'blocked'
  return {
    ...(isBlocked
      ? { promptFeedback: promptFeedback(finishes[0]) }
      : { candidates: gathered.map((each) => each.candidate()) }),
    usageMetadata: usageMetadata(finishes.map(({ usage }) => usage)),
    ...{ modelVersion: cardOf(deps, request.chat.model).id, responseId: randomId() },
  }
}

/** The model that a name means; one that was asked is there. */
export function cardOf(deps: ServeDeps, model: string): ModelCard {
  const id = model.replace(/^models\//, '')
  const cards = deps.chat.models()
  return cards.find((card) => card.id === id) ?? cards[0]
}

export async function streamGenerateContent(c: ServeContext, deps: GeminiDeps, model: string): Promise<Response> {
  const { scope } = c.env
  const request = await requestOf(c, deps, model, deps.limits.streamSeconds)
  const common = { modelVersion: cardOf(deps, model).id, responseId: randomId() }
  const isSse = c.req.query('alt')?.toLowerCase() === 'sse'
  if (isSse) {
    const onError = (error: Parameters<typeof geminiError>[0]): string =>
      `data: ${JSON.stringify(geminiError(error).body)}\n\n`
    return answerStream(c, { limits: deps.limits, onError }, async (stream) => {
      for await (const chunk of chunks(request, deps, scope)) await stream.event({ ...chunk, ...common })
    })
  }
  let isFirst = true
  const onError = (error: Parameters<typeof geminiError>[0]): string =>
    `,\n${JSON.stringify(geminiError(error).body)}]\n`
  return answerStream(
    c,
    { limits: deps.limits, contentType: 'application/json; charset=UTF-8', onError },
    async (stream) => {
      for await (const chunk of chunks(request, deps, scope)) {
        await stream.raw(`${isFirst ? '[' : ',\n'}${JSON.stringify({ ...chunk, ...common })}`)
        isFirst = false
      }
      await stream.raw(isFirst ? '[]\n' : ']\n')
    },
  )
}

/** Responses of a stream, without what all have in common. The counts come with the last one. */
async function* chunks(
  request: GeminiRequest,
  deps: GeminiDeps,
  scope: RequestScope,
): AsyncGenerator<Record<string, unknown>> {
  const usages: ChatUsage[] = []
  const requests = candidatesOf(request)
  const stop = new AbortController()
  const signal = AbortSignal.any([scope.signal, stop.signal])
  const answers = requests.map((chat) => deps.chat.chat(chat, signal))
  try {
    for await (const [index, event] of merged(answers)) {
      if (event.type === 'finish') usages.push(event.usage)
      const isLast = usages.length === requests.length
      const usage = event.type === 'finish' && isLast ? { usageMetadata: usageMetadata(usages) } : {}
      scope.note('usageMetadata' in usage ? { usage: usage.usageMetadata } : {})
      if (event.type === 'finish' && event.reason === 'blocked') {
        yield { promptFeedback: promptFeedback(event), ...usage }
        return
      }
      const candidate = streamedCandidate(event, index)
      if (candidate) yield { candidates: [candidate], ...usage }
    }
  } finally {
    stop.abort()
  }
}

/** Events of several answers as they come, with the index of each. No answer is more than one event ahead. */
async function* merged(answers: readonly AsyncIterable<ChatEvent>[]): AsyncGenerator<[number, ChatEvent]> {
  const iterators = answers.map((answer) => answer[Symbol.asyncIterator]())
  const nextOf = async (index: number) => ({ index, result: await iterators[index].next() })
  const waiting = new Map(iterators.map((_, index) => [index, nextOf(index)]))
  try {
    while (waiting.size > 0) {
      const { index, result } = await Promise.race(waiting.values())
      if (result.done) waiting.delete(index)
      else {
        waiting.set(index, nextOf(index))
        yield [index, result.value]
      }
    }
  } finally {
    // what still waits ends with the signal; its end is nobody's concern
    for (const each of waiting.values()) each.catch(() => undefined)
    for (const iterator of iterators) void iterator.return?.().catch(() => undefined)
  }
}
