// cachedContents: a beginning of conversations that is read once and kept, until its time is over.
import type { ChatRequest } from '../../chat.ts'
import { randomId } from '../../fileStore.ts'
import { invalid, ServeError } from '../../serveError.ts'
import type { ServeContext, ServeDeps } from '../../types.ts'
import { durationSeconds, Fields, page } from './fields.ts'
import { readRequest } from './request.ts'

interface CachedContent {
  id: string
  owner: string
  request: ChatRequest
  displayName?: string
  tokens: number
  pin: string
  createdAt: number
  updatedAt: number
  expiresAt: number
}

/** Most contents of a key: each keeps pages. */
const most = 256

export class CacheStore {
  readonly #deps: ServeDeps
  readonly #contents = new Map<string, CachedContent>()

  constructor(deps: ServeDeps) {
    this.#deps = deps
  }

  #sweep(): void {
    for (const [id, { expiresAt, pin }] of this.#contents) {
      if (expiresAt > Date.now()) continue
      this.#contents.delete(id)
      // whose time is over too: this forgets its name
      this.#deps.chat.unpin(pin).catch(() => undefined)
    }
  }

  #get(name: string, owner: string): CachedContent {
    this.#sweep()
    const content = this.#contents.get(name.replace(/^cachedContents\//, ''))
    if (content?.owner === owner) return content
    throw new ServeError('notFound', `CachedContent ${name.slice(0, 80)} not found (or permission denied).`)
  }

  /** A request behind the content of that name. @throws ServeError notFound; precondition for another model */
  merge(name: string, owner: string, request: ChatRequest): ChatRequest {
    const { request: kept } = this.#get(name, owner)
    const [asked, cachedFor] = [request.model, kept.model].map((model) => model.replace(/^models\//, ''))
    if (asked !== cachedFor) {
      throw new ServeError(
        'precondition',
        `Model used by GenerateContent request (models/${asked}) and CachedContent (models/${cachedFor}) has to be the same.`,
      )
    }
    const { system, tools, toolChoice } = kept
    const turns = [...kept.turns, ...request.turns]
    if (turns.length === 0) throw invalid('contents', '* GenerateContentRequest.contents: contents is not specified')
    return { ...request, system, tools, toolChoice, turns }
  }

  async create(c: ServeContext, body: Record<string, unknown>): Promise<Response> {
    const { key } = c.env.scope
    const fields = new Fields(body)
    const model = fields.string('model')
    if (!model) throw invalid('model', 'model: a cached content must name its model.')
    this.#sweep()
    if ([...this.#contents.values()].filter(({ owner }) => owner === key).length >= most) {
      throw new ServeError('exhausted', `At most ${most} cached contents are kept.`)
    }
    const seconds = ttlOf(fields) ?? 3600
    const hasTurns = fields.has('contents')
    const own = hasTurns ? body : { ...body, contents: [{ role: 'user', parts: [{ text: '' }] }] }
    const { chat } = await readRequest({ ...own, cachedContent: undefined, generationConfig: undefined }, model, {
      files: this.#deps.files,
      owner: key,
    })
    const request = hasTurns ? chat : { ...chat, turns: [] }
    const { id: pin, tokens } = await this.#deps.chat.pin(request, seconds)
    const now = Date.now()
    const content: CachedContent = {
      ...{ id: randomId(), owner: key, request, displayName: fields.string('displayName'), tokens, pin },
      ...{ createdAt: now, updatedAt: now, expiresAt: now + seconds * 1000 },
    }
    this.#contents.set(content.id, content)
    return c.json(shown(content))
  }

  get(c: ServeContext, id: string): Response {
    return c.json(shown(this.#get(id, c.env.scope.key)))
  }

  list(c: ServeContext): Response {
    this.#sweep()
    const own = [...this.#contents.values()].filter(({ owner }) => owner === c.env.scope.key)
    const { items, nextPageToken } = page(own, c.req.query())
    return c.json({ cachedContents: items.map(shown), nextPageToken })
  }

  /** Sets another time to live. */
  async update(c: ServeContext, id: string, body: Record<string, unknown>): Promise<Response> {
    const content = this.#get(id, c.env.scope.key)
    const seconds = ttlOf(new Fields(body))
    if (seconds === undefined) throw invalid('ttl', 'ttl or expire_time must be set: nothing else can be changed.')
    const { id: pin } = await this.#deps.chat.pin(content.request, seconds)
    await this.#deps.chat.unpin(content.pin)
    const now = Date.now()
    Object.assign(content, { pin, updatedAt: now, expiresAt: now + seconds * 1000 })
    return c.json(shown(content))
  }

  async remove(c: ServeContext, id: string): Promise<Response> {
    const content = this.#get(id, c.env.scope.key)
    this.#contents.delete(content.id)
    await this.#deps.chat.unpin(content.pin)
    return c.json({})
  }
}

function ttlOf(fields: Fields): number | undefined {
  const [ttl, until] = [fields.get('ttl'), fields.string('expireTime')]
  if (ttl !== undefined && until !== undefined) throw invalid('ttl', 'Only one of ttl and expire_time may be set.')
  const seconds =
    ttl !== undefined
      ? durationSeconds(ttl, 'ttl')
      : until === undefined
        ? undefined
        : (Date.parse(until) - Date.now()) / 1000
  if (seconds === undefined) return undefined
  if (!(seconds > 0 && seconds <= 30 * 24 * 3600)) throw invalid('ttl', 'ttl must be above 0s and at most 30 days.')
  return seconds
}

function shown({
  id,
  request,
  displayName,
  tokens,
  createdAt,
  updatedAt,
  expiresAt,
}: CachedContent): Record<string, unknown> {
  const time = (at: number): string => new Date(at).toISOString()
  return {
    ...{ name: `cachedContents/${id}`, model: `models/${request.model.replace(/^models\//, '')}`, displayName },
    ...{ createTime: time(createdAt), updateTime: time(updatedAt), expireTime: time(expiresAt) },
    usageMetadata: { totalTokenCount: tokens },
  }
}
