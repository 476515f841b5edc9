// Asking for answers and writing them into conversations, several at once if need be. All that can be done to messages is here.
import { streamAnswer } from '../api/gemini.ts'
import type { GenerateResponse, Part, Usage } from '../api/geminiTypes.ts'
import { ApiError } from '../api/http.ts'
import { newId } from '../lib/id.ts'
import { Store } from '../lib/store.ts'
import { checkSchema } from './checks.ts'
import { changeTree, type Conversation, findConversation, putConversation } from './conversations.ts'
import { forgetUploads, keepInline, mediaPart } from './media.ts'
import { appendParts, buildRequest, callsOf, withMedia } from './request.ts'
import type { Settings } from './settings.ts'
import { addMessage, type AnswerFigures, changeMessage, type Message, pathOf, pathTo } from './tree.ts'

/** Messages being written, with what stops them. */
export const writing = new Store<ReadonlyMap<string, AbortController>>(new Map())

/** Adds what the user says behind the message `parent`, and asks for an answer. */
export function say(conversation: Conversation, parent: string | null, parts: Part[], model: string): void {
  const message: Message = { id: newId(), parent, role: 'user', parts, createdAt: Date.now() }
  putConversation({ ...conversation, tree: addMessage(conversation.tree, message) })
  ask(conversation.id, message.id, model)
}

/** Asks for an answer to the message `parent`: a further one if there is one already. */
export function ask(conversationId: string, parent: string, model: string): void {
  const conversation = findConversation(conversationId)
  if (conversation === undefined) return
  const { format, schema } = conversation.settings
  const message: Message = {
    ...{ id: newId(), parent, role: 'model', parts: [], createdAt: Date.now(), model },
    schema: format === 'json' ? checkSchema(schema).value : undefined,
  }
  changeTree(conversationId, (tree) => addMessage(tree, message))
  const controller = new AbortController()
  writing.update((map) => new Map(map).set(message.id, controller))
  const path = pathTo(conversation.tree, parent)
  void write(conversationId, message.id, path, conversation.settings, model, controller.signal).finally(() => {
    writing.update((map) => new Map([...map].filter(([id]) => id !== message.id)))
  })
}

/** Stops what is being written on the shown path; what was written stays. @returns whether there was anything */
export function stop(conversation: Conversation): boolean {
  const found = pathOf(conversation.tree).flatMap(({ id }) => writing.value.get(id) ?? [])
  for (const controller of found) controller.abort()
  return found.length > 0
}

/** Answers calls by hand and lets the model go on. */
export function answerCalls(
  conversation: Conversation,
  message: Message,
  responses: Record<string, unknown>[],
  model: string,
): void {
  const parts = callsOf(message.parts).map(({ id, name }, i) => ({
    functionResponse: { ...(id === undefined ? {} : { id }), name, response: responses[i] },
  }))
  say(conversation, message.id, parts, model)
}

async function write(
  conversationId: string,
  id: string,
  path: Message[],
  settings: Settings,
  model: string,
  signal: AbortSignal,
): Promise<void> {
  const change = (fields: Partial<Message>) => changeTree(conversationId, (tree) => changeMessage(tree, id, fields))
  const answer = new AnswerWriter(change)
  try {
    const request = await withMedia(buildRequest(path, settings), (media) => mediaPart(media, signal))
    answer.sent()
    for await (const chunk of streamAnswer(model, request, signal)) answer.add(chunk)
    answer.end()
  } catch (error) {
    if (signal.aborted) return answer.end('STOPPED')
    // files sent before are gone with the server that had them
    if (error instanceof ApiError && error.status !== 429) forgetUploads()
    answer.end('FAILED', error instanceof Error ? error.message : String(error))
  }
}

/** Gathers the chunks of an answer, and shows them at most once a frame. */
class AnswerWriter {
  readonly #change: (fields: Partial<Message>) => void
  #parts: Part[] = []
  #finish: string | undefined
  #usage: Usage = {}
  #sentAt = performance.now()
  #firstMs: number | undefined
  #frame: number | undefined

  constructor(change: (fields: Partial<Message>) => void) {
    this.#change = change
  }

  sent(): void {
    this.#sentAt = performance.now()
  }

  add({ candidates, promptFeedback, usageMetadata }: GenerateResponse): void {
    const candidate = candidates?.[0]
    const parts = candidate?.content?.parts ?? []
    if (this.#firstMs === undefined && parts.some((part) => part.text !== '')) {
      this.#firstMs = performance.now() - this.#sentAt
    }
    this.#parts = appendParts(this.#parts, keepInline(parts))
    this.#usage = { ...this.#usage, ...usageMetadata }
    this.#finish = candidate?.finishReason ?? this.#finish
    if (promptFeedback?.blockReason !== undefined) this.#finish = `BLOCKED: ${promptFeedback.blockReason}`
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined
      this.#change({ parts: this.#parts, figures: this.#figures() })
    })
  }

  end(finish?: string, error?: string): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame)
    this.#frame = undefined
    this.#change({ parts: this.#parts, finish: finish ?? this.#finish ?? 'STOP', error, figures: this.#figures() })
  }

  #figures(): AnswerFigures {
    const { promptTokenCount, cachedContentTokenCount, candidatesTokenCount, thoughtsTokenCount } = this.#usage
    return {
      promptTokens: promptTokenCount,
      cachedTokens: cachedContentTokenCount,
      answerTokens: candidatesTokenCount,
      thoughtTokens: thoughtsTokenCount,
      firstMs: this.#firstMs,
      totalMs: performance.now() - this.#sentAt,
    }
  }
}
