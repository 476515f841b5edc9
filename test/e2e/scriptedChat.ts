// A model whose answers are written down: what a test of a protocol or of the studio needs to know beforehand what comes.
//
// It stands where the real one stands, behind ChatService, so that everything above it is the real thing. The last user text
// picks the answer; what it does otherwise (pace, figures, cache hits) is fixed.
import type {
  ChatEvent,
  ChatPart,
  ChatRequest,
  ChatService,
  ChatUsage,
  ExpertTrace,
  ModelCard,
} from '../../src/serve/index.ts'

export interface ScriptedAnswer {
  /** Matches the text of the last user turn. */
  when: RegExp
  /** Events but the finish; text is sent word by word. */
  say: ChatEvent[] | ((request: ChatRequest) => ChatEvent[])
}

export interface ScriptedOptions {
  answers: readonly ScriptedAnswer[]
  /** Milliseconds before each word. Default 0. */
  paceMs?: number
  /** Who read a conversation. Default: nobody can tell. */
  experts?: (request: ChatRequest) => ExpertTrace
}

const card: ModelCard = {
  id: 'scripted',
  description: 'A model whose answers are written down',
  inputTokens: 8192,
  outputTokens: 4096,
  inputs: ['text', 'image', 'audio', 'video'],
  outputs: ['text', 'image'],
  chats: true,
  created: 1_790_000_000,
}

/** A chat service that keeps every request it was given. */
export class ScriptedChat implements ChatService {
  readonly requests: ChatRequest[] = []
  /** Answers that were left before their end. */
  cancelled = 0
  readonly #options: ScriptedOptions

  constructor(options: ScriptedOptions) {
    this.#options = options
  }

  models(): ModelCard[] {
    return [card]
  }

  async *chat(request: ChatRequest, signal?: AbortSignal): AsyncGenerator<ChatEvent> {
    this.requests.push(request)
    const { answers, paceMs = 0 } = this.#options
    const text = lastText(request)
    const found = answers.find(({ when }) => when.test(text))
    const events = found === undefined ? [] : typeof found.say === 'function' ? found.say(request) : found.say
    let words = 0
    let ended = false
    try {
      for (const event of events.flatMap(intoWords)) {
        if (paceMs > 0) await new Promise((resolve) => setTimeout(resolve, paceMs))
        if (signal?.aborted) return
        words++
        yield event
      }
      const calls = events.some(({ type }) => type === 'call')
      const prompt = promptUsage(request)
      const half = Math.floor(Object.values(prompt).reduce((sum, count) => sum + count, 0) / 2)
      const usage = { prompt, cached: request.turns.length > 1 ? half : 0, answer: words, thoughts: 0, images: 0 }
      ended = true
      yield { type: 'finish', reason: calls ? 'calls' : 'stop', usage, times: { queue: 0, prefill: 1, decode: words } }
    } finally {
      if (!ended) this.cancelled++
    }
  }

  async count(request: ChatRequest): Promise<ChatUsage['prompt']> {
    return promptUsage(request)
  }

  async embed(): Promise<never> {
    throw new Error('scripted: embeds nothing')
  }

  text(): never {
    throw new Error('scripted: has no tokens')
  }

  async pin(): Promise<never> {
    throw new Error('scripted: pins nothing')
  }

  async unpin(): Promise<void> {}

  async experts(request: ChatRequest): Promise<ExpertTrace> {
    if (this.#options.experts === undefined) throw new Error('scripted: has no experts')
    return this.#options.experts(request)
  }
}

/** Text of the last turn, results of calls included. */
export function lastText({ turns, raw }: ChatRequest): string {
  const parts = turns.at(-1)?.parts ?? []
  return (
    raw?.toString() ??
    parts.map((part) => (part.kind === 'text' ? part.text : part.kind === 'result' ? 'RESULT' : '')).join(' ')
  )
}

function intoWords(event: ChatEvent): ChatEvent[] {
  if (event.type !== 'text' && event.type !== 'thought') return [event]
  return (event.text.match(/\s*\S+\s*$|\s*\S+/g) ?? [event.text]).map((text) => ({ ...event, text }))
}

/** A word is a token, a picture 64. */
function promptUsage({ turns, system = [] }: ChatRequest): ChatUsage['prompt'] {
  const usage = { text: 0, image: 0, audio: 0, video: 0 }
  const add = (part: ChatPart) => {
    if (part.kind === 'text') usage.text += part.text.split(/\s+/).length
    if (part.kind === 'media') usage[part.mimeType.split('/')[0] as 'image'] += 64
  }
  for (const part of [...system, ...turns.flatMap((turn) => turn.parts)]) add(part)
  return Object.fromEntries(Object.entries(usage).filter(([, count]) => count > 0))
}
