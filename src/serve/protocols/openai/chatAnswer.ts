// Events of an answer as a chat completion, whole or in chunks. Both come from the same pieces, so they say the same.
import type { ChatEvent, ChatLogprob, ChatUsage, FinishReason } from '../../chat.ts'
import { completionUsage, ofChoices } from './usage.ts'

export const finishReasons: Record<FinishReason, 'stop' | 'length' | 'tool_calls' | 'content_filter'> = {
  stop: 'stop',
  length: 'length',
  calls: 'tool_calls',
  safety: 'content_filter',
  blocked: 'content_filter',
  malformedCall: 'stop',
}

/** What is said where the policy refuses an answer. */
export const refusalText = "The request was refused by this server's policy."

export interface ToolCallDelta {
  index: number
  id?: string
  type?: 'function'
  function: { name?: string; arguments: string }
  /** Where Google's OpenAI layer keeps the seal of thoughts. */
  extra_content?: { google: { thought_signature: string } }
}

interface ImagePart {
  type: 'image_url'
  image_url: { url: string }
}

export interface Delta {
  role?: 'assistant'
  content?: string
  reasoning_content?: string
  refusal?: string
  tool_calls?: ToolCallDelta[]
  images?: ImagePart[]
}

export interface TokenLogprobs {
  content: ReturnType<typeof tokenLogprob>[]
  refusal: null
}

/** A token as chat completions and responses show it. */
export function tokenLogprob({ token, bytes, logprob, top }: ChatLogprob) {
  const top_logprobs = top.map((each) => ({ token: each.token, logprob: each.logprob, bytes: each.bytes }))
  return { token, logprob, bytes, top_logprobs }
}

/** One piece of one choice. */
export interface Piece {
  delta: Delta
  logprobs: TokenLogprobs | null
  finish_reason: (typeof finishReasons)[FinishReason] | null
}

/** One choice as it grows. */
export class Choice {
  readonly index: number
  usage: ChatUsage | undefined
  #content = ''
  #reasoning = ''
  #refusal: string | null = null
  readonly #calls: { id: string; name: string; text: string; signature?: string }[] = []
  readonly #images: ImagePart[] = []
  #logprobs: TokenLogprobs | null = null
  #finish: Piece['finish_reason'] = null

  constructor(index: number) {
    this.index = index
  }

  /** What an event adds. */
  push(event: ChatEvent): Piece[] {
    switch (event.type) {
      case 'text':
        return this.#text(event.text, event.logprobs)
      case 'thought':
        this.#reasoning += event.text
        return [piece({ reasoning_content: event.text })]
      case 'callDelta':
        return [piece({ tool_calls: [this.#callDelta(event.id, event.name, event.text)] })]
      case 'call':
        return this.#call(event)
      case 'media': {
        const url = `data:${event.mimeType};base64,${Buffer.from(event.bytes).toString('base64')}`
        const image: ImagePart = { type: 'image_url', image_url: { url } }
        this.#images.push(image)
        return [piece({ images: [image] })]
      }
      case 'finish':
        return this.#end(event)
    }
  }

  #text(text: string, logprobs: readonly ChatLogprob[] | undefined): Piece[] {
    this.#content += text
    if (!logprobs) return text === '' ? [] : [piece({ content: text })]
    const content = logprobs.map(tokenLogprob)
    this.#logprobs ??= { content: [], refusal: null }
    this.#logprobs.content.push(...content)
    return [{ ...piece({ content: text }), logprobs: { content, refusal: null } }]
  }

  #callDelta(id: string, name: string, text: string): ToolCallDelta {
    const index = this.#calls.findIndex((call) => call.id === id)
    if (index >= 0) {
      this.#calls[index].text += text
      return { index, function: { arguments: text } }
    }
    this.#calls.push({ id, name, text })
    return { index: this.#calls.length - 1, id: `call_${id}`, type: 'function', function: { name, arguments: text } }
  }

  #call({ id, name, args, signature }: Extract<ChatEvent, { type: 'call' }>): Piece[] {
    const pieces: Piece[] = []
    if (!this.#calls.some((call) => call.id === id)) {
      pieces.push(piece({ tool_calls: [this.#callDelta(id, name, JSON.stringify(args))] }))
    }
    if (signature === undefined) return pieces
    const index = this.#calls.findIndex((call) => call.id === id)
    this.#calls[index].signature = signature
    const sealed: ToolCallDelta = { index, function: { arguments: '' }, ...sealOf(signature) }
    return [...pieces, piece({ tool_calls: [sealed] })]
  }

  #end({ reason, usage }: Extract<ChatEvent, { type: 'finish' }>): Piece[] {
    this.usage = usage
    this.#finish = finishReasons[reason]
    const isRefused = reason === 'blocked' || reason === 'safety'
    if (isRefused) this.#refusal = refusalText
    return [{ ...piece(isRefused ? { refusal: refusalText } : {}), finish_reason: this.#finish }]
  }

  /** The choice of an answer that is whole. */
  whole() {
    const calls = this.#calls.map(({ id, name, text, signature }) => ({
      id: `call_${id}`,
      type: 'function' as const,
      function: { name, arguments: text },
      ...(signature === undefined ? {} : sealOf(signature)),
    }))
    const isEmpty = this.#content === '' && (calls.length > 0 || this.#refusal !== null)
    return {
      index: this.index,
      message: {
        role: 'assistant' as const,
        content: isEmpty ? null : this.#content,
        refusal: this.#refusal,
        ...(this.#reasoning !== '' && { reasoning_content: this.#reasoning }),
        ...(calls.length > 0 && { tool_calls: calls }),
        ...(this.#images.length > 0 && { images: this.#images }),
      },
      logprobs: this.#logprobs,
      finish_reason: this.#finish,
    }
  }
}

function piece(delta: Delta): Piece {
  return { delta, logprobs: null, finish_reason: null }
}

function sealOf(signature: string) {
  return { extra_content: { google: { thought_signature: signature } } }
}

/** What chunks and completions of one request have in common. */
export interface AnswerHead {
  id: string
  /** Seconds since 1970. */
  created: number
  model: string
}

/** Chunks of a stream, in the order of their events. */
export class ChatChunks {
  readonly #head: AnswerHead
  readonly #includeUsage: boolean
  readonly #choices: Choice[]
  readonly #begun = new Set<number>()

  constructor(head: AnswerHead, choices: number, includeUsage: boolean) {
    this.#head = head
    this.#includeUsage = includeUsage
    this.#choices = Array.from({ length: choices }, (_, i) => new Choice(i))
  }

  /** Chunks that an event of a choice brings; the first says whose words they are. */
  push(index: number, event: ChatEvent) {
    const pieces = this.#choices[index].push(event)
    if (!this.#begun.has(index)) {
      this.#begun.add(index)
      pieces.unshift(piece({ role: 'assistant', content: '' }))
    }
    return pieces.map((each) => this.#chunk([{ index, ...each }]))
  }

  /** The chunk with the usage, if it was asked for. */
  end() {
    const usages = this.#choices.flatMap(({ usage }) => usage ?? [])
    return this.#includeUsage ? [{ ...this.#chunk([]), usage: completionUsage(ofChoices(usages)) }] : []
  }

  #chunk(choices: ({ index: number } & Piece)[]) {
    const head = { id: this.#head.id, object: 'chat.completion.chunk', created: this.#head.created }
    return { ...head, model: this.#head.model, choices, ...(this.#includeUsage && { usage: null }) }
  }
}

/** A whole chat completion. */
export function chatCompletion(head: AnswerHead, choices: readonly Choice[]) {
  const usages = choices.flatMap(({ usage }) => usage ?? [])
  return {
    id: head.id,
    object: 'chat.completion' as const,
    created: head.created,
    model: head.model,
    choices: choices.map((choice) => choice.whole()),
    usage: completionUsage(ofChoices(usages)),
  }
}
