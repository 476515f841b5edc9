// /completions: texts that the model goes on with, as they stand. Evaluation harnesses use it with echo and logprobs.
import type { ChatEvent, ChatLogprob, ChatRequest, ChatUsage } from '../../chat.ts'
import { unsupported } from './errors.ts'
import { type AnswerHead, finishReasons } from './chatAnswer.ts'
import { maxChoices, readIncludeUsage } from './chatRequest.ts'
import { Fields, invalidValue } from './fields.ts'
import { defined, readSampling, readStop, samplingOfChoice } from './sampling.ts'
import { readTexts } from './tokenIds.ts'
import { readStructured } from './tools.ts'
import { completionUsage, ofChoices, together } from './usage.ts'

export interface CompletionCall {
  /** One a choice: all of the first prompt, then those of the next. */
  requests: ChatRequest[]
  /** Choices a prompt. */
  choices: number
  echo: boolean
  /** Nothing is to be written: one token is asked for and dropped. */
  writesNothing: boolean
  stream: boolean
  includeUsage: boolean
}

/** @throws OpenAiError naming the parameter at fault */
export function readCompletionCall(value: Record<string, unknown>): CompletionCall {
  const body = new Fields(value)
  const model = body.required('model', body.string('model', { max: 256 }))
  const prompts = readTexts(body, 'prompt', maxChoices)
  if ((body.string('suffix') ?? '') !== '') {
    throw unsupported('suffix', "'suffix' is not served: the model only goes on with a text.", 'leave it out')
  }
  const choices = body.integer('n', 1, maxChoices) ?? 1
  const best = body.integer('best_of', 1, maxChoices) ?? choices
  if (best > choices)
    throw unsupported('best_of', "'best_of' above 'n' is not served.", "ask for 'n' and 'logprobs', and choose")
  if (prompts.length * choices > maxChoices) {
    throw invalidValue('n', `prompts times 'n' must be at most ${maxChoices}, got ${prompts.length * choices}.`)
  }
  const [echo, stream] = [body.boolean('echo') ?? false, body.boolean('stream') ?? false]
  const top = body.integer('logprobs', 0, 20)
  if (echo && stream && top !== undefined) {
    throw unsupported('echo', "'echo' with 'logprobs' is not streamed.", 'leave out stream')
  }
  const maxTokens = body.integer('max_tokens', 0, 2 ** 31 - 1) ?? 16
  const sampling = readSampling(body)
  const common = defined({
    model,
    turns: [],
    maxTokens: Math.max(1, maxTokens),
    stop: readStop(body),
    format: readStructured(body),
    logprobs: top === undefined ? undefined : { top, ...(echo && { prompt: true }) },
  })
  const requests = prompts.flatMap((raw) =>
    Array.from({ length: choices }, (_, i): ChatRequest => ({
      ...common,
      raw,
      sampling: samplingOfChoice(sampling, i),
    })),
  )
  const includeUsage = readIncludeUsage(body, stream)
  return { requests, choices, echo, writesNothing: maxTokens === 0, stream, includeUsage }
}

interface Logprobs {
  tokens: string[]
  token_logprobs: (number | null)[]
  top_logprobs: (Record<string, number> | null)[]
  text_offset: number[]
}

/** One choice as it grows. */
class Continuation {
  readonly index: number
  readonly #prompt: string
  readonly #call: CompletionCall
  usage: ChatUsage | undefined
  #text: string
  readonly #tokens: ChatLogprob[] = []
  #promptTokens: ChatLogprob[] | undefined
  #finish: string | null = null

  constructor(index: number, call: CompletionCall, prompt: string) {
    this.index = index
    this.#call = call
    this.#prompt = prompt
    this.#text = call.echo ? prompt : ''
  }

  /** Text that comes before any event. */
  get head(): string {
    return this.#text
  }

  push(event: ChatEvent): { text: string; logprobs: Logprobs | null; finish_reason: string | null } | undefined {
    const { writesNothing } = this.#call
    if (event.type === 'text') {
      if (writesNothing) return undefined
      const offset = this.#text.length
      this.#text += event.text
      this.#tokens.push(...(event.logprobs ?? []))
      const logprobs = event.logprobs ? listed(event.logprobs, offset) : null
      return { text: event.text, logprobs, finish_reason: null }
    }
    if (event.type !== 'finish') return undefined
    this.usage = writesNothing ? { ...event.usage, answer: 0 } : event.usage
    this.#promptTokens = event.promptLogprobs
    this.#finish = writesNothing ? 'length' : finishReasons[event.reason]
    return { text: '', logprobs: null, finish_reason: this.#finish }
  }

  whole() {
    const wantsLogprobs = this.#call.requests[this.index].logprobs !== undefined
    const logprobs = wantsLogprobs ? this.#logprobs() : null
    return { text: this.#text, index: this.index, logprobs, finish_reason: this.#finish }
  }

  #logprobs(): Logprobs {
    const written = listed(this.#tokens, this.#call.echo ? this.#prompt.length : 0)
    if (!this.#call.echo || !this.#promptTokens) return written
    // the first token has nothing before it that it could follow from
    const length = this.#promptTokens.reduce((sum, { token }) => sum + token.length, 0)
    const first = this.#prompt.slice(0, Math.max(0, this.#prompt.length - length))
    const read = listed(this.#promptTokens, first.length)
    const start: Logprobs =
      first === ''
        ? { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] }
        : { tokens: [first], token_logprobs: [null], top_logprobs: [null], text_offset: [0] }
    const parts = [start, read, written]
    return {
      tokens: parts.flatMap(({ tokens }) => tokens),
      token_logprobs: parts.flatMap(({ token_logprobs }) => token_logprobs),
      top_logprobs: parts.flatMap(({ top_logprobs }) => top_logprobs),
      text_offset: parts.flatMap(({ text_offset }) => text_offset),
    }
  }
}

function listed(tokens: readonly ChatLogprob[], start: number): Logprobs {
  let offset = start
  const offsets = tokens.map(({ token }) => (offset += token.length) - token.length)
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) => Object.fromEntries(top.map(({ token, logprob }) => [token, logprob]))),
    text_offset: offsets,
  }
}

/** Answers of a request as a completion, whole or in chunks. */
export class Completion {
  readonly #head: AnswerHead
  readonly #call: CompletionCall
  readonly #parts: Continuation[]
  readonly #begun = new Set<number>()

  /** @param textOf text of a prompt that came as tokens; asked only where it is told again */
  constructor(head: AnswerHead, call: CompletionCall, textOf: (request: ChatRequest) => string) {
    this.#head = head
    this.#call = call
    this.#parts = call.requests.map((request, i) => new Continuation(i, call, call.echo ? textOf(request) : ''))
  }

  /** Chunks that an event of a choice brings. */
  push(index: number, event: ChatEvent) {
    const part = this.#parts[index]
    const chunks = []
    if (!this.#begun.has(index)) {
      this.#begun.add(index)
      if (part.head !== '') chunks.push(this.#chunk({ index, text: part.head, logprobs: null, finish_reason: null }))
    }
    const piece = part.push(event)
    if (piece) chunks.push(this.#chunk({ index, ...piece }))
    return chunks
  }

  #chunk(choice: object) {
    return { ...this.#named(), choices: [choice], ...(this.#call.includeUsage && { usage: null }) }
  }

  #named() {
    return { id: this.#head.id, object: 'text_completion', created: this.#head.created, model: this.#head.model }
  }

  #usage() {
    const { choices } = this.#call
    const usages = this.#parts.map(({ usage }) => usage)
    const prompts = Array.from({ length: usages.length / choices }, (_, i) =>
      ofChoices(usages.slice(i * choices, (i + 1) * choices).filter((usage) => usage !== undefined)),
    )
    return completionUsage(together(prompts))
  }

  /** The chunk with the usage, if it was asked for. */
  end() {
    return this.#call.includeUsage ? [{ ...this.#named(), choices: [], usage: this.#usage() }] : []
  }

  whole() {
    return { ...this.#named(), choices: this.#parts.map((part) => part.whole()), usage: this.#usage() }
  }
}
