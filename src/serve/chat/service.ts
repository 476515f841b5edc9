// The ChatService over engines: a request becomes a prompt, the prompt an answer.
import { PolluxError } from '../../util/index.ts'
import type { ChatEvent, ChatPart, ChatRequest, ChatService, ChatUsage, EmbedInput, ModelCard } from '../chat.ts'
import { allowAll, type Policy } from '../policy.ts'
import { ServeError } from '../serveError.ts'
import type { ExpertTrace } from '../studio/wire.ts'
import { Answer } from './answer.ts'
import { traceExperts } from './expertTrace.ts'
import { cardOf, findModel, type ServedModel } from './models.ts'
import { PromptWriter, type WrittenPrompt } from './promptWriter.ts'
import { Template } from './template.ts'
import { ThoughtSeal } from './thoughtSeal.ts'
import { type ChatTokens, chatTokens } from './tokens.ts'

export interface ChatServiceOptions {
  policy?: Policy
  /** Seals thoughts; default: drawn, and seals end with the process. */
  secret?: Uint8Array
  /** Names of other services' models mean the first one. Default true. */
  aliases?: boolean
}

/** A service that answers with these models; the first is the default. They stay the caller's. */
export function createChatService(models: readonly ServedModel[], options: ChatServiceOptions = {}): ChatService {
  return new EngineChatService(models, options)
}

class EngineChatService implements ChatService {
  readonly #models: readonly ServedModel[]
  readonly #aliases: boolean
  readonly #policy: Policy
  readonly #seal: ThoughtSeal
  readonly #writers = new Map<ServedModel, { tokens: ChatTokens; template: Template }>()
  readonly #pins = new Map<string, ServedModel>()

  constructor(models: readonly ServedModel[], { policy = allowAll, secret, aliases = true }: ChatServiceOptions) {
    this.#models = models
    this.#policy = policy
    this.#aliases = aliases
    this.#seal = new ThoughtSeal(secret)
    for (const model of models) {
      const { tokenizer, media, template } = model
      const tokens = chatTokens(tokenizer)
      if (template === 'gemma' && (tokens.turnOpen === undefined || tokens.turnClose === undefined)) {
        throw new PolluxError(`serve: a model that chats must have tokens for turns, got none in ${model.id}`, {
          hint: '--template plain lets it continue text',
        })
      }
      this.#writers.set(model, {
        tokens,
        template: new Template({ name: template, tokenizer, tokens, media, seal: this.#seal }),
      })
    }
  }

  models(): ModelCard[] {
    return this.#models.map(cardOf)
  }

  async *chat(request: ChatRequest, signal?: AbortSignal): AsyncGenerator<ChatEvent> {
    const model = findModel(this.#models, request.model, this.#aliases)
    const { tokens, template } = this.#writers.get(model)!
    const { modalities = [] } = request
    if (!model.drawer && modalities.length > 0 && modalities.every((modality) => modality === 'image')) {
      throw new ServeError('invalid', 'The model does not draw; ask for text.')
    }
    const refused = await this.#policy.prompt?.(request, signal)
    const written = await this.#write(model, request)
    if (refused) {
      const usage = { prompt: written.counts, cached: 0, answer: 0, thoughts: 0, images: 0 }
      const times = { queue: 0, prefill: 0, decode: 0 }
      yield { type: 'finish', reason: 'blocked', category: refused.category, usage, times }
      return
    }
    const count = written.prompt.ids.length
    const { contextTokens } = model.engine
    if (count > contextTokens) throw tooLong(count, contextTokens)
    const { outputTokens = 8192 } = model
    const room = contextTokens - count + 1
    const maxTokens = Math.min(request.maxTokens ?? outputTokens, room)
    const budget = this.#thinks(model, request) ? request.thinking!.budget : 0
    const thoughtTokens = budget < 0 ? maxTokens : Math.min(budget, maxTokens)
    signal?.throwIfAborted()
    yield* new Answer({
      ...{ model, template, tokens, seal: this.#seal, policy: this.#policy },
      ...{ request, written, maxTokens, thoughtTokens, signal },
    }).run()
  }

  #thinks(model: ServedModel, request: ChatRequest): boolean {
    const { budget = 0 } = request.thinking ?? {}
    return model.template === 'gemma' && request.raw === undefined && budget !== 0
  }

  #write(model: ServedModel, request: ChatRequest): Promise<WrittenPrompt> {
    if (typeof request.raw === 'object') checkIds(request.raw, model)
    const { template } = this.#writers.get(model)!
    const thinking = this.#thinks(model, request) ? 'open' : request.thinking?.budget === 0 ? 'closed' : undefined
    return template.write(request, thinking)
  }

  async count(request: ChatRequest): Promise<ChatUsage['prompt']> {
    const model = findModel(this.#models, request.model, this.#aliases)
    return (await this.#write(model, request)).counts
  }

  async embed(
    name: string,
    inputs: EmbedInput[],
    dimensions?: number,
    signal?: AbortSignal,
  ): Promise<{ values: Float32Array; tokens: number }[]> {
    const model = findModel(this.#models, name, this.#aliases)
    const prompts = await Promise.all(inputs.map((input) => this.#writeInput(model, input)))
    const vectors = await model.engine.embed(
      prompts.map(({ prompt }) => prompt),
      signal,
    )
    const width = vectors[0]?.length ?? 0
    if (dimensions !== undefined && dimensions > width) {
      throw new ServeError('invalid', `outputDimensionality must be at most ${width}, got ${dimensions}.`, {
        field: 'outputDimensionality',
      })
    }
    return vectors.map((vector, i) => ({ values: shortened(vector, dimensions), tokens: prompts[i].prompt.ids.length }))
  }

  text(name: string, ids: Int32Array): string {
    const model = findModel(this.#models, name, this.#aliases)
    checkIds(ids, model)
    return model.tokenizer.decode(ids)
  }

  async #writeInput(model: ServedModel, input: EmbedInput): Promise<WrittenPrompt> {
    const writer = new PromptWriter(model.tokenizer)
    if (input instanceof Int32Array) {
      checkIds(input, model)
      writer.tokens(input)
    } else await this.#writeParts(model, input, writer)
    const written = writer.finish()
    const count = written.prompt.ids.length
    if (count > model.engine.contextTokens) throw tooLong(count, model.engine.contextTokens)
    if (count === 0) throw new ServeError('invalid', 'There must be something to embed, got nothing.')
    return written
  }

  async #writeParts(model: ServedModel, parts: readonly ChatPart[], writer: PromptWriter): Promise<void> {
    writer.ids(this.#writers.get(model)!.tokens.bos)
    for (const part of parts) {
      if (part.kind === 'text') writer.text(part.text)
      else if (part.kind === 'media') {
        if (!model.media)
          throw new ServeError('invalid', `The model reads text alone, got ${part.mimeType || 'media'}.`)
        writer.media(await model.media.read(part))
      }
    }
  }

  async pin(request: ChatRequest, ttlSeconds: number): Promise<{ id: string; tokens: number }> {
    const model = findModel(this.#models, request.model, this.#aliases)
    const { template } = this.#writers.get(model)!
    const { prompt } = await template.writePrefix(request)
    if (prompt.ids.length >= model.engine.contextTokens) throw tooLong(prompt.ids.length, model.engine.contextTokens)
    const pinned = await model.engine.pin(prompt, ttlSeconds)
    this.#pins.set(pinned.id, model)
    return pinned
  }

  async unpin(id: string): Promise<void> {
    const model = this.#pins.get(id)
    this.#pins.delete(id)
    await model?.engine.unpin(id)
  }

  async experts(request: ChatRequest, signal?: AbortSignal): Promise<ExpertTrace> {
    const model = findModel(this.#models, request.model, this.#aliases)
    const written = await this.#write(model, request)
    const count = written.prompt.ids.length
    if (count > model.engine.contextTokens) throw tooLong(count, model.engine.contextTokens)
    return traceExperts(model, written, signal)
  }
}

/** Ids that a client gives may be of special tokens, and must be of tokens. */
function checkIds(ids: Int32Array, { tokenizer }: ServedModel): void {
  const wrong = ids.findIndex((id) => id < 0 || id >= tokenizer.vocabSize)
  if (wrong < 0) return
  throw new ServeError(
    'invalid',
    `Token ids must be from 0 to ${tokenizer.vocabSize - 1}, got ${ids[wrong]} at ${wrong}.`,
  )
}

function tooLong(count: number, limit: number): ServeError {
  return new ServeError(
    'tooLong',
    `The input token count (${count}) exceeds the maximum number of tokens allowed (${limit}).`,
  )
}

/** The first numbers of a vector, of length 1 again. */
function shortened(vector: Float32Array, dimensions = vector.length): Float32Array {
  if (dimensions === vector.length) return vector
  const values = vector.slice(0, dimensions)
  const norm = Math.hypot(...values)
  return norm > 0 ? values.map((value) => value / norm) : values
}
