// One answer: thoughts first where they are wanted, then text, calls and pictures, each a request of its own to the engine.
//
// Thoughts end when the model closes their channel or the budget is used up; then the channel is closed for it, and the answer
// follows with its grammar. The second request goes on where the first ended, so nothing is read twice.
import type { EngineEvent, EngineRequest, EngineSampling, Prompt, TokenLogprob } from '../../inference/index.ts'
import type { ChatEvent, ChatRequest, ChatUsage, FinishReason } from '../chat.ts'
import type { Policy } from '../policy.ts'
import { answerGrammar, callableTools } from './answerGrammar.ts'
import { AnswerReader, chatLogprob } from './answerReader.ts'
import type { ServedModel } from './models.ts'
import type { WrittenPrompt } from './promptWriter.ts'
import type { Template } from './template.ts'
import { TextStream } from './textStream.ts'
import type { ThoughtSeal } from './thoughtSeal.ts'
import type { ChatTokens } from './tokens.ts'

export interface AnswerParts {
  model: ServedModel
  template: Template
  tokens: ChatTokens
  seal: ThoughtSeal
  policy: Policy
  request: ChatRequest
  written: WrittenPrompt
  /** Tokens that the answer may take, thoughts included. */
  maxTokens: number
  /** Of these, for thoughts; 0: none. */
  thoughtTokens: number
  signal?: AbortSignal
}

type Finish = Extract<EngineEvent, { type: 'finish' }>

export class Answer {
  readonly #parts: AnswerParts
  /** All that was written behind the prompt, in tokens. */
  readonly #ids: number[] = []
  readonly #usage: ChatUsage
  readonly #times = { queue: 0, prefill: 0, decode: 0 }
  readonly #watch: ReturnType<NonNullable<Policy['answer']>> | undefined
  #thoughts = ''
  #calls = 0
  /** Requests made of the engine. */
  #asked = 0
  #promptLogprobs: TokenLogprob[] | undefined

  constructor(parts: AnswerParts) {
    this.#parts = parts
    this.#usage = { prompt: parts.written.counts, cached: 0, answer: 0, thoughts: 0, images: 0 }
    this.#watch = parts.policy.answer?.(parts.request)
  }

  async *run(): AsyncGenerator<ChatEvent> {
    const { thoughtTokens } = this.#parts
    if (thoughtTokens > 0) yield* this.#think()
    const reason = this.#left > 0 ? yield* this.#write() : 'length'
    yield this.#finish(reason)
  }

  /** Tokens that may still be written. */
  get #left(): number {
    return this.#parts.maxTokens - this.#ids.length
  }

  #finish(reason: FinishReason, category?: string): ChatEvent {
    const { seal, model } = this.#parts
    const signature = this.#thoughts !== '' && this.#calls === 0 ? seal.close(this.#thoughts) : undefined
    const promptLogprobs = this.#promptLogprobs?.map((each) => chatLogprob(model.tokenizer, each))
    return {
      ...{ type: 'finish', reason, usage: this.#usage, times: this.#times },
      ...(signature === undefined ? {} : { signature }),
      ...(category === undefined ? {} : { category }),
      ...(promptLogprobs ? { promptLogprobs } : {}),
    }
  }

  /** The prompt and what was written behind it. */
  get #prompt(): Prompt {
    const { prompt } = this.#parts.written
    if (this.#ids.length === 0) return prompt
    const start = prompt.ids.length
    const ids = new Int32Array(start + this.#ids.length)
    ids.set(prompt.ids)
    ids.set(this.#ids, start)
    if (!prompt.blockEnd) return { ...prompt, ids }
    const blockEnd = Int32Array.from(ids, (_, place) => place)
    blockEnd.set(prompt.blockEnd)
    return { ...prompt, ids, blockEnd }
  }

  /** Events of the engine, counted. A loop that is left cancels the request. */
  async *#ask(
    request: Omit<EngineRequest, 'prompt' | 'sampling'>,
    onFinish?: (finish: Finish) => void,
  ): AsyncGenerator<Extract<EngineEvent, { type: 'token' }>> {
    const { model, signal } = this.#parts
    const isFirst = this.#asked === 0
    const sampling = this.#sampling(this.#asked++)
    const prompt = this.#prompt
    const started = performance.now()
    let first: number | undefined
    // where nothing is told of reading, all was found but the last token
    let cached = prompt.ids.length - 1
    let isFinished = false
    try {
      for await (const event of model.engine.generate({ ...request, prompt, sampling }, signal)) {
        if (event.type === 'prefill') cached = event.cached ?? 0
        if (event.type === 'finish') {
          isFinished = true
          cached = event.usage.cachedTokens
          this.#promptLogprobs ??= event.promptLogprobs
          if (isFirst) Object.assign(this.#times, event.times)
          else this.#times.decode += event.times.prefill + event.times.decode
          onFinish?.(event)
        } else if (event.type === 'token') {
          first ??= performance.now()
          this.#ids.push(event.id)
          yield event
        }
      }
    } finally {
      if (isFirst) this.#usage.cached = cached
      if (!isFinished && first !== undefined) {
        if (isFirst) this.#times.prefill = first - started
        this.#times.decode += performance.now() - first
      }
    }
  }

  /** Another request of the same answer has draws of its own. */
  #sampling(asked: number): EngineSampling {
    const { sampling = {} } = this.#parts.request
    if (asked === 0 || sampling.seed === undefined) return sampling
    return { ...sampling, seed: (sampling.seed + asked * 0x9e3779b9) >>> 0 }
  }

  async *#think(): AsyncGenerator<ChatEvent> {
    const { tokens, template, thoughtTokens, model, request } = this.#parts
    const { channelClose } = tokens
    const stopIds = [...template.stopIds, ...(channelClose === undefined ? [] : [channelClose])]
    const text = new TextStream()
    const tell = (piece: string): ChatEvent[] => {
      this.#thoughts += piece
      return piece !== '' && request.thinking?.include ? [{ type: 'thought', text: piece }] : []
    }
    for await (const { id } of this.#ask({ maxTokens: Math.min(thoughtTokens, this.#left), stopIds })) {
      this.#usage.thoughts++
      if (!model.tokenizer.isSpecial(id)) yield* tell(text.push(model.tokenizer.tokenBytes(id)).text)
    }
    yield* tell(text.end().text)
    if (this.#left > 0 && channelClose !== undefined) {
      this.#ids.push(channelClose)
      this.#usage.thoughts++
    }
  }

  async *#write(): AsyncGenerator<ChatEvent, FinishReason> {
    const { model, template, tokens, request } = this.#parts
    const wantsPicture = model.drawer !== undefined && (request.modalities ?? []).includes('image')
    if (wantsPicture && !request.modalities?.includes('text')) return yield* this.#draw()
    const calls = request.raw === undefined && callableTools(request).length > 0
    const stops = [...(request.stop ?? []), ...(request.raw === undefined ? template.stopTexts : [])]
    const reader = new AnswerReader({ tokenizer: model.tokenizer, tokens, stops, calls })
    let finish: Finish | undefined
    let verdict: FinishReason | undefined
    let isDrawing = false
    const asked = this.#ask(
      {
        maxTokens: this.#left,
        stopIds: template.stopIds,
        grammar: request.raw === undefined || request.format ? answerGrammar(request, tokens) : undefined,
        logprobs: request.logprobs,
      },
      (event) => (finish = event),
    )
    for await (const token of asked) {
      if (wantsPicture && token.id === model.drawer?.open && !reader.isInCall) {
        this.#ids.pop()
        isDrawing = true
        break
      }
      const before = reader.thoughtTokens
      const logprob =
        token.logprob === undefined ? undefined : chatLogprob(model.tokenizer, { ...token, logprob: token.logprob })
      const pieces = reader.push(token.id, logprob)
      if (reader.thoughtTokens > before) this.#usage.thoughts++
      else this.#usage.answer++
      verdict = yield* this.#tell(pieces, reader)
      if (verdict === undefined && reader.isStopped) verdict = 'stop'
      if (verdict === undefined && this.#calls > 0 && request.toolChoice?.parallel === false) verdict = 'calls'
      if (verdict !== undefined) break
    }
    if (verdict === 'safety') return verdict
    verdict = (yield* this.#tell(reader.end(), reader)) ?? verdict
    if (verdict !== undefined) return verdict
    if (isDrawing) return yield* this.#illustrate()
    if (finish?.reason === 'length') return 'length'
    if (reader.isMalformed || reader.isInCall) return 'malformedCall'
    return this.#calls > 0 ? 'calls' : 'stop'
  }

  /** Tells pieces as far as the policy lets them pass. */
  async *#tell(
    pieces: ReturnType<AnswerReader['push']>,
    reader: AnswerReader,
  ): AsyncGenerator<ChatEvent, FinishReason | undefined> {
    const { request, seal } = this.#parts
    for (const piece of pieces) {
      if (piece.type === 'thought') {
        this.#thoughts = this.#thoughts + piece.text
        if (request.thinking?.include) yield piece
      } else if (piece.type === 'call') {
        const isFirst = this.#calls++ === 0
        yield isFirst && this.#thoughts !== '' ? { ...piece, signature: seal.close(this.#thoughts) } : piece
      } else {
        const refused = piece.text === '' ? undefined : await this.#watch?.piece(piece.text)
        if (refused) return 'safety'
        yield piece
      }
    }
    return reader.isMalformed ? 'malformedCall' : undefined
  }

  /** A picture within a text, and what follows it. */
  async *#illustrate(): AsyncGenerator<ChatEvent, FinishReason> {
    const reason = yield* this.#draw()
    if (reason !== 'stop') return reason
    if (this.#left < 2) return 'length'
    this.#ids.push(this.#parts.model.drawer!.close)
    this.#usage.images++
    return yield* this.#write()
  }

  async *#draw(): AsyncGenerator<ChatEvent, FinishReason> {
    const drawer = this.#parts.model.drawer!
    if (this.#left < drawer.tokens + 1) return 'length'
    this.#ids.push(drawer.open)
    this.#usage.images++
    const codes: number[] = []
    for await (const { id } of this.#ask({ maxTokens: drawer.tokens, grammar: drawer.grammar })) codes.push(id)
    this.#usage.images += codes.length
    if (codes.length < drawer.tokens) return 'length'
    yield { type: 'media', mimeType: 'image/png', bytes: await drawer.png(codes) }
    return 'stop'
  }
}
