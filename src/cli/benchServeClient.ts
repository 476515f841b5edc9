// One request of the load generator over either protocol: when its outputs came, and whether the answer was well-formed.
import { isRecord } from '../util/index.ts'

export interface LoadTarget {
  url: string
  apiKey?: string
  protocol: 'openai' | 'gemini'
  model: string
  stream: boolean
  temperature: number
  /** Seconds. */
  timeout: number
}

/** What became of a request; times in milliseconds since it was sent. */
export interface LoadResult {
  /** Times of outputs; one, the end, where nothing is streamed. */
  outputs: number[]
  end: number
  promptTokens: number
  cachedTokens: number
  outputTokens: number
  /** Why it does not count. */
  failure?: string
}

/** Asks once. Failures are part of the result. */
export async function ask(target: LoadTarget, prompt: string, maxTokens: number, seed: number): Promise<LoadResult> {
  const started = performance.now()
  const now = () => performance.now() - started
  const reading = new Reading(target.protocol, target.stream)
  let failure: string | undefined
  try {
    const response = await fetch(address(target), {
      method: 'POST',
      headers: headersOf(target),
      body: JSON.stringify(bodyOf(target, prompt, maxTokens, seed)),
      signal: AbortSignal.timeout(target.timeout * 1000),
    })
    if (!response.ok) failure = `HTTP ${response.status}: ${messageOf(await response.text())}`
    else if (target.stream) await readEvents(response, (data) => reading.event(data, now()))
    else reading.whole(await response.json(), now())
  } catch (error) {
    const { name, message, cause } = error as Error
    failure =
      name === 'TimeoutError' ? `no end within ${target.timeout} s` : cause instanceof Error ? cause.message : message
  }
  const { outputs, promptTokens, cachedTokens, outputTokens } = reading
  failure ??= reading.complaint
  return { outputs, end: now(), promptTokens, cachedTokens, outputTokens, ...(failure !== undefined && { failure }) }
}

/** Id of the server's first model. */
export async function firstModel({ url, apiKey }: Pick<LoadTarget, 'url' | 'apiKey'>): Promise<string | undefined> {
  const target = { url, apiKey, protocol: 'openai' as const }
  const response = await fetch(`${url}/openai/v1/models`, { headers: headersOf(target) })
  const list: unknown = await response.json()
  const first: unknown = isRecord(list) && Array.isArray(list.data) ? list.data[0] : undefined
  return isRecord(first) && typeof first.id === 'string' ? first.id : undefined
}

function headersOf({ apiKey = 'none', protocol }: Pick<LoadTarget, 'apiKey' | 'protocol'>): Record<string, string> {
  const type = { 'content-type': 'application/json' }
  return protocol === 'openai' ? { ...type, authorization: `Bearer ${apiKey}` } : { ...type, 'x-goog-api-key': apiKey }
}

function address({ url, protocol, model, stream }: LoadTarget): string {
  if (protocol === 'openai') return `${url}/v1/chat/completions`
  const method = stream ? 'streamGenerateContent?alt=sse' : 'generateContent'
  return `${url}/v1beta/models/${encodeURIComponent(model)}:${method}`
}

function bodyOf({ protocol, model, stream, temperature }: LoadTarget, prompt: string, maxTokens: number, seed: number) {
  if (protocol === 'gemini') {
    const contents = [{ role: 'user', parts: [{ text: prompt }] }]
    return { contents, generationConfig: { maxOutputTokens: maxTokens, temperature, seed } }
  }
  const streaming = stream ? { stream, stream_options: { include_usage: true } } : {}
  const messages = [{ role: 'user', content: prompt }]
  return { model, messages, max_tokens: maxTokens, temperature, seed, ...streaming }
}

function messageOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } }
    if (typeof error?.message === 'string') return error.message
  } catch {
    // not JSON: shown as it is
  }
  return text.slice(0, 200)
}

/** Calls `onData` with the data of each server-sent event as it comes. */
async function readEvents(response: Response, onData: (data: string) => void): Promise<void> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const bytes of response.body!) {
    rest += decoder.decode(bytes, { stream: true })
    const blocks = rest.split(/\r?\n\r?\n/)
    rest = blocks.pop()!
    for (const block of blocks) {
      const data = block.split(/\r?\n/).filter((line) => line.startsWith('data:'))
      if (data.length > 0) onData(data.map((line) => line.slice(5).trimStart()).join('\n'))
    }
  }
  if (rest.trim() !== '') throw new Error('the stream ended in the middle of an event')
}

/** Reads an answer and says what is wrong with it. */
class Reading {
  readonly outputs: number[] = []
  promptTokens = 0
  cachedTokens = 0
  outputTokens = 0
  readonly #isOpenAi: boolean
  readonly #isStream: boolean
  #isFinished = false
  #isDone = false
  #hasUsage = false
  #wrong: string | undefined

  constructor(protocol: LoadTarget['protocol'], stream: boolean) {
    this.#isOpenAi = protocol === 'openai'
    this.#isStream = stream
  }

  event(data: string, now: number): void {
    if (this.#isDone) this.#wrong ??= 'an event came after [DONE]'
    if (data === '[DONE]') this.#isDone = true
    else this.#read(JSON.parse(data), now)
  }

  whole(answer: unknown, now: number): void {
    this.#read(answer, now)
    // nothing was heard before the end
    this.outputs.splice(0, this.outputs.length, now)
  }

  #read(value: unknown, now: number): void {
    if (!isRecord(value)) return void (this.#wrong ??= 'an event is no object')
    if (isRecord(value.error)) return void (this.#wrong ??= `the stream failed: ${String(value.error.message)}`)
    const choices = this.#isOpenAi ? value.choices : value.candidates
    if (!Array.isArray(choices)) return void (this.#wrong ??= 'an event has no choices')
    for (const choice of choices as unknown[]) this.#choice(choice, now)
    this.#usage(this.#isOpenAi ? value.usage : value.usageMetadata)
  }

  #choice(choice: unknown, now: number): void {
    if (!isRecord(choice)) return void (this.#wrong ??= 'a choice is no object')
    const content = this.#isOpenAi ? (choice.delta ?? choice.message) : choice.content
    const finish = this.#isOpenAi ? choice.finish_reason : choice.finishReason
    if (this.#isFinished) this.#wrong ??= 'an answer went on after its end'
    if (hasOutput(content)) this.outputs.push(now)
    if (typeof finish === 'string') this.#isFinished = true
  }

  #usage(usage: unknown): void {
    if (!isRecord(usage)) return
    this.#hasUsage = true
    const number = (value: unknown) => (typeof value === 'number' ? value : 0)
    if (this.#isOpenAi) {
      const details = isRecord(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {}
      this.promptTokens = number(usage.prompt_tokens)
      this.outputTokens = number(usage.completion_tokens)
      this.cachedTokens = number(details.cached_tokens)
    } else {
      this.promptTokens = number(usage.promptTokenCount)
      this.outputTokens = number(usage.candidatesTokenCount) + number(usage.thoughtsTokenCount)
      this.cachedTokens = number(usage.cachedContentTokenCount)
    }
  }

  get complaint(): string | undefined {
    if (this.#wrong !== undefined) return this.#wrong
    if (!this.#isFinished) return 'the answer has no reason for its end'
    if (!this.#hasUsage) return 'the answer has no usage'
    return this.#isOpenAi && this.#isStream && !this.#isDone ? 'the stream ended without [DONE]' : undefined
  }
}

/** Whether a piece says anything: text, thoughts, calls or pictures. */
function hasOutput(content: unknown): boolean {
  if (!isRecord(content)) return false
  if (Array.isArray(content.parts)) {
    return content.parts.some(
      (part) => isRecord(part) && Object.values(part).some((value) => value !== '' && value !== true),
    )
  }
  return ['content', 'reasoning_content', 'tool_calls', 'images'].some((name) => Boolean(content[name]))
}
