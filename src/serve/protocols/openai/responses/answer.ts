// Events of an answer as a response: its items, and the events of a stream that build them, numbered.
//
// A response that nobody streams is built by the same events, which are then dropped.
import type { ChatEvent, ChatLogprob } from '../../../chat.ts'
import { randomId } from '../../../fileStore.ts'
import { refusalText, tokenLogprob } from '../chatAnswer.ts'
import { responseUsage } from '../usage.ts'
import type { Item, ResponseCall } from './request.ts'

export interface StreamEvent {
  type: string
  sequence_number: number
  [field: string]: unknown
}

type Data = Record<string, unknown>
type Logprob = ReturnType<typeof tokenLogprob>

/** An item that is being written. */
interface Open {
  index: number
  item: Item
  kind: 'reasoning' | 'message' | 'call'
  text: string
  logprobs: Logprob[]
  /** Of a call, as the service names it. */
  callId?: string
}

export class ResponseBuilder {
  readonly id = `resp_${randomId()}`
  readonly #call: ResponseCall
  readonly #createdAt: number
  readonly #output: Item[] = []
  #sequence = 0
  #open: Open | undefined
  /** The thoughts, whose seal comes at the end. */
  #thought: Open | undefined
  #seal: string | undefined
  #status = 'in_progress'
  #usage: ReturnType<typeof responseUsage> | null = null
  #incomplete: { reason: string } | null = null

  /** @param createdAt seconds since 1970 */
  constructor(call: ResponseCall, createdAt: number) {
    this.#call = call
    this.#createdAt = createdAt
  }

  /** The response as it is now. */
  response() {
    return {
      id: this.id,
      object: 'response' as const,
      created_at: this.#createdAt,
      ...(this.#status !== 'in_progress' && { completed_at: Math.floor(Date.now() / 1000) }),
      status: this.#status,
      error: null,
      incomplete_details: this.#incomplete,
      model: this.#call.request.model,
      output: [...this.#output],
      usage: this.#usage,
      ...this.#call.echo,
    }
  }

  /** The items for the next response: thoughts with their seal, whatever was shown. */
  kept(): Item[] {
    return this.#output.map((item) =>
      item === this.#thought?.item && this.#seal !== undefined ? { ...item, encrypted_content: this.#seal } : item,
    )
  }

  #event(type: string, fields: Data): StreamEvent {
    return { type, sequence_number: this.#sequence++, ...fields }
  }

  /** The first events. */
  begin(): StreamEvent[] {
    return ['response.created', 'response.in_progress'].map((type) => this.#event(type, { response: this.response() }))
  }

  /** The number of the next event, for one that reports an error. */
  get sequence(): number {
    return this.#sequence
  }

  push(event: ChatEvent): StreamEvent[] {
    switch (event.type) {
      case 'thought':
        return this.#think(event.text)
      case 'text':
        return this.#write(event.text, event.logprobs)
      case 'callDelta':
        return this.#arguments(event.id, event.name, event.text)
      case 'call':
        return this.#endCall(event)
      case 'media':
        return this.#picture(event.bytes)
      case 'finish':
        return this.#finish(event)
    }
  }

  #add(kind: Open['kind'], item: Item, callId?: string): StreamEvent[] {
    const before = this.#close()
    const index = this.#output.length
    this.#output.push(item)
    this.#open = { index, item, kind, text: '', logprobs: [], callId }
    return [...before, this.#event('response.output_item.added', { output_index: index, item: { ...item } })]
  }

  #place({ index, item }: Open): Data {
    return { item_id: item.id, output_index: index }
  }

  #think(text: string): StreamEvent[] {
    const { summary } = this.#call.shows
    const events: StreamEvent[] = []
    if (this.#open?.kind !== 'reasoning') {
      events.push(...this.#add('reasoning', { id: `rs_${randomId()}`, type: 'reasoning', summary: [] }))
      this.#thought = this.#open
      if (summary) {
        const part = { type: 'summary_text', text: '' }
        const place = { ...this.#place(this.#open!), summary_index: 0 }
        events.push(this.#event('response.reasoning_summary_part.added', { ...place, part }))
      }
    }
    this.#open!.text += text
    if (!summary) return events
    const place = { ...this.#place(this.#open!), summary_index: 0 }
    return [...events, this.#event('response.reasoning_summary_text.delta', { ...place, delta: text })]
  }

  #message(): StreamEvent[] {
    if (this.#open?.kind === 'message') return []
    const item = { id: `msg_${randomId()}`, type: 'message', status: 'in_progress', role: 'assistant', content: [] }
    return this.#add('message', item)
  }

  #write(text: string, tokens: readonly ChatLogprob[] = []): StreamEvent[] {
    if (text === '' && tokens.length === 0) return []
    const isNew = this.#open?.kind !== 'message'
    const events = this.#message()
    const open = this.#open!
    const place = { ...this.#place(open), content_index: 0 }
    if (isNew) events.push(this.#event('response.content_part.added', { ...place, part: textPart('', []) }))
    const logprobs = this.#call.shows.logprobs ? tokens.map(tokenLogprob) : []
    open.text += text
    open.logprobs.push(...logprobs)
    return [...events, this.#event('response.output_text.delta', { ...place, delta: text, logprobs })]
  }

  #arguments(callId: string, name: string, text: string): StreamEvent[] {
    const events: StreamEvent[] = []
    if (this.#open?.callId !== callId) {
      const names = { id: `fc_${randomId()}`, type: 'function_call', call_id: `call_${callId}`, name }
      events.push(...this.#add('call', { ...names, arguments: '', status: 'in_progress' }, callId))
    }
    this.#open!.text += text
    return [
      ...events,
      this.#event('response.function_call_arguments.delta', { ...this.#place(this.#open!), delta: text }),
    ]
  }

  #endCall({ id, name, args, signature }: Extract<ChatEvent, { type: 'call' }>): StreamEvent[] {
    this.#seal ??= signature
    const whole = this.#open?.callId === id ? [] : this.#arguments(id, name, JSON.stringify(args))
    return [...whole, ...this.#close()]
  }

  #picture(bytes: Uint8Array): StreamEvent[] {
    const before = this.#close()
    const place = { output_index: this.#output.length, item_id: `ig_${randomId()}` }
    const item: Item = { id: place.item_id, type: 'image_generation_call', status: 'in_progress', result: null }
    this.#output.push(item)
    const added = this.#event('response.output_item.added', { output_index: place.output_index, item: { ...item } })
    Object.assign(item, { status: 'completed', result: Buffer.from(bytes).toString('base64') })
    return [
      ...before,
      added,
      this.#event('response.image_generation_call.completed', place),
      this.#event('response.output_item.done', { output_index: place.output_index, item: { ...item } }),
    ]
  }

  /** Ends the open item. `status` is that of what broke off. */
  #close(status = 'completed'): StreamEvent[] {
    const open = this.#open
    this.#open = undefined
    if (!open) return []
    if (open.kind === 'reasoning') return this.#closeThought(open)
    const { item, text, logprobs } = open
    const place = this.#place(open)
    const events: StreamEvent[] = []
    if (open.kind === 'call') {
      Object.assign(item, { arguments: text, status })
      events.push(this.#event('response.function_call_arguments.done', { ...place, name: item.name, arguments: text }))
    } else {
      const part = textPart(text, logprobs)
      Object.assign(item, { content: [part], status })
      const where = { ...place, content_index: 0 }
      events.push(this.#event('response.output_text.done', { ...where, text, logprobs }))
      events.push(this.#event('response.content_part.done', { ...where, part }))
    }
    return [...events, this.#done(open)]
  }

  #done({ index, item }: Open): StreamEvent {
    return this.#event('response.output_item.done', { output_index: index, item: { ...item } })
  }

  #closeThought(open: Open): StreamEvent[] {
    const events: StreamEvent[] = []
    if (this.#call.shows.summary) {
      const part = { type: 'summary_text', text: open.text }
      open.item.summary = [part]
      const place = { ...this.#place(open), summary_index: 0 }
      events.push(this.#event('response.reasoning_summary_text.done', { ...place, text: open.text }))
      events.push(this.#event('response.reasoning_summary_part.done', { ...place, part }))
    }
    // with its seal it is whole at the end only
    return this.#call.shows.sealed ? events : [...events, this.#done(open)]
  }

  #finish({ reason, usage, signature }: Extract<ChatEvent, { type: 'finish' }>): StreamEvent[] {
    this.#seal ??= signature
    const isRefused = reason === 'blocked' || reason === 'safety'
    const isCut = reason === 'length' || isRefused
    const events = this.#close(isCut ? 'incomplete' : 'completed')
    if (isRefused) events.push(...this.#refuse())
    if (this.#thought && this.#call.shows.sealed) {
      this.#thought.item.encrypted_content = this.#seal ?? null
      events.push(this.#done(this.#thought))
    }
    this.#status = isCut ? 'incomplete' : 'completed'
    if (isCut) this.#incomplete = { reason: isRefused ? 'content_filter' : 'max_output_tokens' }
    this.#usage = responseUsage(usage)
    return [...events, this.#event(`response.${this.#status}`, { response: this.response() })]
  }

  #refuse(): StreamEvent[] {
    const events = this.#message()
    const open = this.#open!
    this.#open = undefined
    const part = { type: 'refusal', refusal: refusalText }
    const where = { ...this.#place(open), content_index: 0 }
    events.push(this.#event('response.content_part.added', { ...where, part: { type: 'refusal', refusal: '' } }))
    events.push(this.#event('response.refusal.delta', { ...where, delta: refusalText }))
    events.push(this.#event('response.refusal.done', { ...where, refusal: refusalText }))
    events.push(this.#event('response.content_part.done', { ...where, part }))
    Object.assign(open.item, { content: [part], status: 'completed' })
    return [...events, this.#done(open)]
  }
}

function textPart(text: string, logprobs: Logprob[]): Data {
  return { type: 'output_text', text, annotations: [], logprobs }
}
