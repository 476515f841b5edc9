// A body of /chat/completions as a ChatRequest.
import type { ChatPart, ChatRequest, ChatTurn } from '../../chat.ts'
import { type FileSource, readContent } from './content.ts'
import { unsupported } from './errors.ts'
import { Fields, invalidValue } from './fields.ts'
import { defined, readSampling, readStop, readThinking } from './sampling.ts'
import { readFormat, readStructured, readTools } from './tools.ts'

const maxMessages = 16384

/** Answers to one request, at most. */
export const maxChoices = 128

export interface ChatCall {
  request: ChatRequest
  /** Answers wanted. */
  choices: number
  stream: boolean
  includeUsage: boolean
}

/** @throws OpenAiError naming the parameter at fault */
export async function readChatCall(value: Record<string, unknown>, files: FileSource): Promise<ChatCall> {
  const body = new Fields(value)
  for (const name of ['functions', 'function_call']) {
    if (body.has(name)) throw unsupported(name, `'${name}' is no longer served.`, "use 'tools' and 'tool_choice'")
  }
  const model = body.required('model', body.string('model', { max: 256 }))
  const messages = body.required('messages', body.objects('messages', maxMessages))
  if (messages.length === 0) throw invalidValue('messages', 'expected at least one message.')
  const { draws, ...tools } = readTools(body, true)
  body.metadata()
  const request: ChatRequest = defined({
    model,
    ...(await readMessages(messages, files)),
    ...tools,
    format: readFormat(body.object('response_format'), true) ?? readStructured(body),
    thinking: readThinking(body),
    modalities: readModalities(body, draws),
    maxTokens: readMaxTokens(body),
    stop: readStop(body),
    sampling: readSampling(body),
    logprobs: readLogprobs(body),
  })
  const stream = body.boolean('stream') ?? false
  return {
    request,
    choices: body.integer('n', 1, maxChoices) ?? 1,
    stream,
    includeUsage: readIncludeUsage(body, stream),
  }
}

/** stream_options.include_usage. */
export function readIncludeUsage(body: Fields, stream: boolean): boolean {
  const options = body.object('stream_options')
  if (options && !stream) throw invalidValue('stream_options', "it is only allowed when 'stream' is true.")
  return options?.boolean('include_usage') ?? false
}

function readMaxTokens(body: Fields): number | undefined {
  const limits = ['max_completion_tokens', 'max_tokens'].map((name) => body.integer(name, 1, 2 ** 31 - 1))
  return limits[0] ?? limits[1]
}

function readLogprobs(body: Fields): ChatRequest['logprobs'] {
  const wanted = body.boolean('logprobs') ?? false
  const top = body.integer('top_logprobs', 0, 20)
  if (top !== undefined && !wanted) throw invalidValue('top_logprobs', "it is only allowed when 'logprobs' is true.")
  return wanted ? { top: top ?? 0 } : undefined
}

function readModalities(body: Fields, draws = false): ChatRequest['modalities'] {
  const words = body.strings('modalities', 8)
  const other = words?.find((word) => word !== 'text' && word !== 'image')
  if (other !== undefined || body.has('audio')) {
    throw invalidValue(
      'modalities',
      `answers are text and pictures, got ${JSON.stringify((other ?? 'audio').slice(0, 40))}.`,
    )
  }
  return (words as ('text' | 'image')[] | undefined) ?? (draws ? ['text', 'image'] : undefined)
}

/** Messages as a system text and turns. Instructions that come later keep their place, as words of the user. */
export async function readMessages(
  messages: readonly Fields[],
  files: FileSource,
): Promise<Pick<ChatRequest, 'system' | 'turns'>> {
  const conversation = new Conversation()
  for (const message of messages) await addMessage(conversation, message, files)
  return conversation.finish()
}

async function addMessage(conversation: Conversation, message: Fields, files: FileSource): Promise<void> {
  const role = message.required('role', message.oneOf('role', ['system', 'developer', 'user', 'assistant', 'tool']))
  if (role === 'tool') {
    const id = message.required('tool_call_id', message.string('tool_call_id', { max: 256 }))
    conversation.result(id, await readContent(message, 'content', files, { media: false }), message.at('tool_call_id'))
    return
  }
  const parts = await readContent(message, 'content', files, { media: role === 'user' })
  if (role !== 'assistant') {
    message.required('content', message.get('content'))
    if (role === 'user') conversation.user(parts)
    else conversation.instruct(parts)
    return
  }
  const thought = message.string('reasoning_content') ?? message.string('reasoning')
  if (thought) conversation.model([{ kind: 'thought', text: thought }])
  conversation.model(parts)
  for (const call of message.objects('tool_calls', 1024) ?? []) addCall(conversation, call)
}

function addCall(conversation: Conversation, call: Fields): void {
  const id = call.required('id', call.string('id', { max: 256 }))
  call.oneOf('type', ['function'])
  const fields = call.required('function', call.object('function'))
  const name = fields.required('name', fields.string('name', { max: 128 }))
  const signature = call.object('extra_content')?.object('google')?.string('thought_signature')
  conversation.call(id, name, fields.string('arguments') ?? '', signature)
}

/** A conversation under construction, from the items of either API. */
export class Conversation {
  readonly #system: ChatPart[] = []
  readonly #turns: ChatTurn[] = []
  readonly #names = new Map<string, string>()
  #isAnswering = false

  /** Instructions: at the head they are the system's. */
  instruct(parts: ChatPart[]): void {
    if (this.#turns.length > 0) return this.user(parts)
    if (this.#system.length > 0 && parts.length > 0) this.#system.push({ kind: 'text', text: '\n\n' })
    this.#system.push(...parts)
  }

  user(parts: ChatPart[]): void {
    this.#isAnswering = false
    this.#turns.push({ role: 'user', parts })
  }

  /** More of the model's turn: it ends with the next words of somebody else. */
  model(parts: ChatPart[]): void {
    this.#isAnswering = false
    if (parts.length === 0) return
    const last = this.#turns.at(-1)
    if (last?.role === 'model') last.parts.push(...parts)
    else this.#turns.push({ role: 'model', parts })
  }

  /** A call that the model made. */
  call(id: string, name: string, text: string, signature?: string): void {
    this.#names.set(id, name)
    this.model([{ kind: 'call', id, name, args: readArguments(text), ...(signature !== undefined && { signature }) }])
  }

  /** What a call gave. @throws OpenAiError for a call that nobody made */
  result(id: string, parts: readonly ChatPart[], field: string): void {
    const name = this.#names.get(id)
    if (name === undefined)
      throw invalidValue(field, `no call before it has the id ${JSON.stringify(id.slice(0, 64))}.`)
    const response = readResponse(parts.map((part) => (part.kind === 'text' ? part.text : '')).join(''))
    const result: ChatPart = { kind: 'result', id, name, response }
    if (this.#isAnswering) this.#turns.at(-1)!.parts.push(result)
    else this.#turns.push({ role: 'user', parts: [result] })
    this.#isAnswering = true
  }

  finish(): Pick<ChatRequest, 'system' | 'turns'> {
    return { ...(this.#system.length > 0 && { system: this.#system }), turns: this.#turns }
  }
}

/** Arguments of a call as they came back; a call that was cut short keeps its text. */
function readArguments(text: string): Record<string, unknown> {
  if (text.trim() === '') return {}
  const value = readResponse(text)
  return typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : { arguments: text }
}

/** An object or a list where the text is one; otherwise the text. */
function readResponse(text: string): unknown {
  if (!/^\s*[[{]/.test(text) || nestsDeep(text)) return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** JSON inside of a string was not measured with the body; who reads it later may recurse. */
function nestsDeep(text: string): boolean {
  let depth = 0
  for (const mark of text.match(/[[\]{}]/g) ?? []) {
    depth += mark === '[' || mark === '{' ? 1 : -1
    if (depth > 100) return true
  }
  return false
}
