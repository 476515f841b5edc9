// A body of /responses as a ChatRequest: instructions, the items of the conversation so far, and what is wanted.
import type { ChatRequest } from '../../../chat.ts'
import { Conversation } from '../chatRequest.ts'
import { type FileSource, fromBase64, readContent } from '../content.ts'
import { unsupported } from '../errors.ts'
import { Fields, invalidValue, wrongType } from '../fields.ts'
import { defined, effortWords, readSampling, readStop, thinkingOf } from '../sampling.ts'
import { readFormat, readTools } from '../tools.ts'

/** Items of a conversation, at most. */
const maxItems = 16384

/** An item as it stands on the wire. */
export type Item = Record<string, unknown>

/** What was said in earlier responses. */
export interface History {
  /** All items up to and with a response. @throws OpenAiError for one that is not there */
  before(id: string): readonly Item[]
  /** An item that a response had. */
  item(id: string): Item | undefined
}

export interface ResponseCall {
  request: ChatRequest
  /** Items of this request, and those it follows. */
  input: Item[]
  earlier: readonly Item[]
  stream: boolean
  store: boolean
  /** Summaries of thoughts are shown; thoughts come sealed; log-probabilities are shown. */
  shows: { summary: boolean; sealed: boolean; logprobs: boolean }
  /** Fields that the response repeats. */
  echo: Record<string, unknown>
}

/** @throws OpenAiError naming the parameter at fault */
export async function readResponseCall(
  value: Record<string, unknown>,
  files: FileSource,
  history: History,
): Promise<ResponseCall> {
  const body = new Fields(value)
  refuse(body)
  const model = body.required('model', body.string('model', { max: 256 }))
  const previous = body.string('previous_response_id', { max: 256 })
  const earlier = previous === undefined ? [] : history.before(previous)
  const input = readInput(body, history)
  if (earlier.length + input.length > maxItems) throw invalidValue('input', `expected at most ${maxItems} items.`)
  const instructions = body.string('instructions')
  const include = body.strings('include', 64) ?? []
  const shows = {
    summary: wantsSummary(body),
    sealed: include.includes('reasoning.encrypted_content'),
    logprobs: include.includes('message.output_text.logprobs') || body.has('top_logprobs'),
  }
  const { draws, ...tools } = readTools(body, false)
  const format = body.object('text')?.object('format')
  const top = body.integer('top_logprobs', 0, 20)
  const request: ChatRequest = defined({
    model,
    ...(await readItems([...earlier, ...input], files, instructions)),
    ...tools,
    format: readFormat(format, false),
    thinking: readReasoning(body),
    modalities: draws ? (['text', 'image'] as ('text' | 'image')[]) : undefined,
    maxTokens: body.integer('max_output_tokens', 1, 2 ** 31 - 1),
    stop: readStop(body),
    sampling: readSampling(body),
    logprobs: shows.logprobs ? { top: top ?? 0 } : undefined,
  })
  const { stream, store } = { stream: body.boolean('stream') ?? false, store: body.boolean('store') ?? true }
  return { request, input, earlier, stream, store, shows, echo: echoOf(body, request, store) }
}

function refuse(body: Fields): void {
  if (body.boolean('background'))
    throw unsupported('background', 'Responses in the background are not served.', 'use batches')
  for (const name of ['conversation', 'prompt']) {
    if (body.has(name)) throw unsupported(name, `'${name}' is not served.`, 'use previous_response_id or input')
  }
  body.oneOf('truncation', ['auto', 'disabled'])
}

function wantsSummary(body: Fields): boolean {
  const reasoning = body.object('reasoning')
  const words = ['auto', 'concise', 'detailed'] as const
  return (reasoning?.oneOf('summary', words) ?? reasoning?.oneOf('generate_summary', words)) !== undefined
}

/** Thoughts are always asked for, since what follows may need them; whether they are shown is another matter. */
function readReasoning(body: Fields): ChatRequest['thinking'] {
  const reasoning = body.object('reasoning')
  if (!reasoning) return undefined
  return thinkingOf(reasoning.oneOf('effort', effortWords) ?? (wantsSummary(body) ? 'medium' : undefined), true)
}

function echoOf(body: Fields, { tools = [] }: ChatRequest, store: boolean): Record<string, unknown> {
  const or = (name: string, other: unknown) => body.get(name) ?? other
  const reasoning = body.object('reasoning')
  return {
    instructions: or('instructions', null),
    max_output_tokens: or('max_output_tokens', null),
    metadata: body.metadata() ?? {},
    parallel_tool_calls: or('parallel_tool_calls', true),
    previous_response_id: or('previous_response_id', null),
    reasoning: { effort: reasoning?.get('effort') ?? null, summary: reasoning?.get('summary') ?? null },
    store,
    temperature: or('temperature', 1),
    text: { format: body.object('text')?.get('format') ?? { type: 'text' } },
    tool_choice: or('tool_choice', 'auto'),
    tools: tools.length > 0 || body.has('tools') ? or('tools', []) : [],
    top_logprobs: or('top_logprobs', 0),
    top_p: or('top_p', 1),
    truncation: 'disabled',
    background: false,
    ...(body.has('user') && { user: body.string('user', { max: 512 }) }),
  }
}

function readInput(body: Fields, history: History): Item[] {
  const value = body.required('input', body.get('input'))
  if (typeof value === 'string')
    return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: value }] }]
  if (!Array.isArray(value)) throw wrongType('input', 'a string or an array of items', value)
  if (value.length === 0) throw invalidValue('input', 'expected at least one item.')
  return body.objects('input', maxItems)!.map((item) => {
    if (item.get('type') !== 'item_reference') return item.value as Item
    const id = item.required('id', item.string('id', { max: 256 }))
    const found = history.item(id)
    if (found) return found
    throw invalidValue(item.at('id'), `no item with the id ${JSON.stringify(id.slice(0, 64))} is kept.`)
  })
}

/** Items as a system text and turns. */
async function readItems(
  items: readonly Item[],
  files: FileSource,
  instructions: string | undefined,
): Promise<Pick<ChatRequest, 'system' | 'turns'>> {
  const conversation = new Conversation()
  if (instructions) conversation.instruct([{ kind: 'text', text: instructions }])
  for (const [i, item] of items.entries()) await addItem(conversation, new Fields(item, `input[${i}]`), files)
  return conversation.finish()
}

async function addItem(conversation: Conversation, item: Fields, files: FileSource): Promise<void> {
  const type = item.string('type') ?? 'message'
  switch (type) {
    case 'message':
      return addMessage(conversation, item, files)
    case 'function_call': {
      const id = item.required('call_id', item.string('call_id', { max: 256 }))
      const name = item.required('name', item.string('name', { max: 128 }))
      return conversation.call(id, name, item.string('arguments') ?? '')
    }
    case 'function_call_output': {
      const id = item.required('call_id', item.string('call_id', { max: 256 }))
      item.required('output', item.get('output'))
      return conversation.result(id, await readContent(item, 'output', files, { media: false }), item.at('call_id'))
    }
    case 'reasoning': {
      const shown = [...(item.objects('content', 1024) ?? []), ...(item.objects('summary', 1024) ?? [])]
      const text = shown.map((part) => part.string('text') ?? '').join('')
      const signature = item.string('encrypted_content')
      return conversation.model([{ kind: 'thought', text, ...(signature !== undefined && { signature }) }])
    }
    case 'image_generation_call': {
      const data = item.string('result')
      if (data === undefined) return
      return conversation.model([{ kind: 'media', mimeType: 'image/png', bytes: fromBase64(data, item.at('result')) }])
    }
    default:
      throw invalidValue(item.at('type'), `items of this type are not read, got ${JSON.stringify(type.slice(0, 60))}.`)
  }
}

async function addMessage(conversation: Conversation, item: Fields, files: FileSource): Promise<void> {
  const role = item.required('role', item.oneOf('role', ['user', 'assistant', 'system', 'developer']))
  item.required('content', item.get('content'))
  const parts = await readContent(item, 'content', files, { media: role === 'user' })
  if (role === 'user') conversation.user(parts)
  else if (role === 'assistant') conversation.model(parts)
  else conversation.instruct(parts)
}
