// Models: what there is, and what counting and embedding they do.
import type { ModelCard } from '../../chat.ts'
import { invalid, ServeError } from '../../serveError.ts'
import type { ServeContext } from '../../types.ts'
import { Fields, page } from './fields.ts'
import { type GeminiDeps, readBody } from './generate.ts'
import { instructionOf } from './parts.ts'
import { readCountRequest } from './request.ts'
import { modalityDetails } from './response.ts'

function shown({ id, description, inputTokens, outputTokens, chats }: ModelCard): Record<string, unknown> {
  return {
    ...{ name: `models/${id}`, version: '1', displayName: id, description },
    ...{ inputTokenLimit: inputTokens, outputTokenLimit: outputTokens },
    supportedGenerationMethods: [
      'generateContent',
      'countTokens',
      'embedContent',
      'batchGenerateContent',
      'createCachedContent',
    ],
    ...{ thinking: chats, temperature: 1, maxTemperature: 2, topP: 1, topK: 0 },
  }
}

export function listModels(c: ServeContext, { chat }: GeminiDeps): Response {
  const { items, nextPageToken } = page(chat.models(), c.req.query())
  return c.json({ models: items.map(shown), nextPageToken })
}

export async function getModel(c: ServeContext, { chat }: GeminiDeps, id: string): Promise<Response> {
  const cards = chat.models()
  const found = cards.find((card) => card.id === id)
  if (found) return c.json(shown(found))
  // a name of another service's model is known when it can be asked
  await chat.count({ model: id, turns: [] })
  if (cards.length === 0) throw new ServeError('notFound', `models/${id} is not found.`)
  return c.json(shown(cards[0]))
}

export async function countTokens(c: ServeContext, deps: GeminiDeps, model: string): Promise<Response> {
  const { key } = c.env.scope
  const { chat, cached } = await readCountRequest(await readBody(c, deps), model, { files: deps.files, owner: key })
  const counts = await deps.chat.count(cached === undefined ? chat : deps.caches.merge(cached, key, chat))
  const totalTokens = Object.values(counts).reduce((sum, tokens) => sum + tokens, 0)
  return c.json({ totalTokens, promptTokensDetails: modalityDetails(counts) })
}

export async function embedContent(c: ServeContext, deps: GeminiDeps, model: string): Promise<Response> {
  const embedded = await embed(deps, model, [new Fields(await readBody(c, deps))], c.env.scope)
  return c.json({ embedding: embedded.embeddings[0], usageMetadata: embedded.usageMetadata })
}

export async function batchEmbedContents(c: ServeContext, deps: GeminiDeps, model: string): Promise<Response> {
  const requests = new Fields(await readBody(c, deps)).messages('requests')
  if (requests.length === 0) throw invalid('requests', 'requests: must hold at least one request, got none.')
  if (requests.length > 1000)
    throw invalid('requests', `At most 1000 requests can be in one batch, got ${requests.length}.`)
  return c.json(await embed(deps, model, requests, c.env.scope))
}

/** Vectors of contents, in order. */
export async function embed(
  deps: GeminiDeps,
  model: string,
  requests: readonly Fields[],
  { key, signal }: { key: string; signal: AbortSignal },
): Promise<{ embeddings: { values: number[] }[]; usageMetadata: Record<string, number> }> {
  const dimensions = requests.map((request) => request.int('outputDimensionality', 1))
  const contents = await Promise.all(
    requests.map(async (request) => {
      const parts = await instructionOf(request.get('content'), request.at('content'), {
        files: deps.files,
        owner: key,
      })
      if (parts.length === 0)
        throw invalid(request.at('content'), `${request.at('content')}: must hold at least one part, got none.`)
      return parts
    }),
  )
  const embeddings: { values: number[] }[] = new Array<{ values: number[] }>(requests.length)
  let tokens = 0
  for (const size of new Set(dimensions)) {
    const places = dimensions.flatMap((each, i) => (each === size ? [i] : []))
    const vectors = await deps.chat.embed(
      model,
      places.map((i) => contents[i]),
      size,
      signal,
    )
    vectors.forEach((vector, i) => {
      embeddings[places[i]] = { values: [...vector.values] }
      tokens += vector.tokens
    })
  }
  return { embeddings, usageMetadata: { promptTokenCount: tokens, totalTokenCount: tokens } }
}
