// The Live API over a websocket: a conversation with turns of text and of sound, answered as they are written, and interrupted by
// what is said next.
//
//   setup -> setupComplete;  clientContent, realtimeInput, toolResponse -> serverContent, toolCall ... turnComplete
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { ApiKeys } from '../../auth.ts'
import { parseJson } from '../../body.ts'
import type { ChatPart, ChatRequest, ChatTurn } from '../../chat.ts'
import { cleanPath } from '../../paths.ts'
import type { RateLimits } from '../../rateLimits.ts'
import { invalid, ServeError, toServeError } from '../../serveError.ts'
import type { ServeDeps } from '../../types.ts'
import { geminiError } from './error.ts'
import { Fields } from './fields.ts'
import { cardOf } from './generate.ts'
import { isRawSound, SpeechInput, speechOptions } from './liveSound.ts'
import { type FileAccess, turnOf, turnsOf } from './parts.ts'
import { readRequest } from './request.ts'
import { partOf, usageMetadata } from './response.ts'

const path =
  /^\/ws\/google\.ai\.generativelanguage\.v1(?:beta|alpha)?\.GenerativeService\.BidiGenerateContent(Constrained)?$/

/** Bytes that may wait for a client before its answer does. */
const waitingBytes = 2 ** 20

/** Tokens that let a client open sessions without knowing the key; in memory. */
export class LiveTokens {
  readonly #tokens = new Map<string, { owner: string; uses: number; expiresAt: number }>()

  create(owner: string, { uses = 1, seconds = 1800 } = {}): string {
    const now = Date.now()
    for (const [name, { expiresAt }] of this.#tokens) if (expiresAt <= now) this.#tokens.delete(name)
    const name = `auth_tokens/${randomBytes(24).toString('hex')}`
    this.#tokens.set(name, { owner, uses, expiresAt: now + seconds * 1000 })
    return name
  }

  /** Whose token it is; one use less. @throws ServeError keyInvalid */
  use(name: string): string {
    const token = this.#tokens.get(name)
    if (!token || token.expiresAt <= Date.now() || token.uses < 1)
      throw new ServeError('keyInvalid', 'The token is not valid.')
    token.uses--
    return token.owner
  }
}

export interface LiveParts {
  deps: ServeDeps
  keys: ApiKeys
  rates: RateLimits
  tokens: LiveTokens
  /** Whether a page of this origin may ask. @throws ServeError */
  checkOrigin: (request: IncomingMessage) => void
}

/** Takes upgrades to websockets; ends every session with `close`. */
export function liveServer(parts: LiveParts): {
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  close: () => void
} {
  const server = new WebSocketServer({ noServer: true, maxPayload: parts.deps.limits.bodyBytes })
  const sessions = new Set<Session>()
  return {
    upgrade(request, socket, head) {
      const url = new URL(request.url?.replace(/^\/+/, '/') ?? '/', 'http://local')
      const match = path.exec(cleanPath(url.pathname))
      if (!match) return void socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
      let owner: string
      try {
        parts.checkOrigin(request)
        const token = url.searchParams.get('access_token')
        owner = token?.startsWith('auth_tokens/')
          ? parts.tokens.use(token)
          : parts.keys.check(request, url.searchParams)
      } catch (error) {
        const { status } = geminiError(toServeError(error))
        return void socket.end(`HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
      }
      server.handleUpgrade(request, socket, head, (ws) => {
        const session = new Session(ws, parts, owner)
        sessions.add(session)
        ws.on('close', () => sessions.delete(session))
      })
    },
    close() {
      for (const session of sessions) session.end(1001, 'The server is shutting down.')
      server.close()
    },
  }
}

class Session {
  readonly #ws: WebSocket
  readonly #parts: LiveParts
  readonly #access: FileAccess
  #setup: ChatRequest | undefined
  #turns: ChatTurn[] = []
  #speech: SpeechInput | undefined
  #stop: AbortController | undefined
  /** Messages are taken one after another; answers run beside them. */
  #queue: Promise<void> = Promise.resolve()

  constructor(ws: WebSocket, parts: LiveParts, owner: string) {
    this.#ws = ws
    this.#parts = parts
    this.#access = { files: parts.deps.files, owner }
    ws.on('message', (data) => {
      this.#queue = this.#queue.then(() => this.#take(data)).catch((error: unknown) => this.#fail(error))
    })
    ws.on('close', () => this.#stop?.abort())
    ws.on('error', () => ws.terminate())
  }

  end(code: number, reason: string): void {
    this.#stop?.abort()
    // a reason has at most 123 bytes
    this.#ws.close(
      code,
      Buffer.from(reason)
        .subarray(0, 120)
        .toString()
        .replace(/\ufffd$/, ''),
    )
  }

  #fail(thrown: unknown): void {
    const error = toServeError(thrown)
    this.end(error.kind === 'internal' ? 1011 : error.kind === 'exhausted' ? 1013 : 1007, error.message)
  }

  #send(message: Record<string, unknown>): void {
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.send(JSON.stringify(message))
  }

  /** Waits for a client that reads slowly, and gives up one that does not read. */
  async #drained(signal: AbortSignal): Promise<void> {
    const until = performance.now() + this.#parts.deps.limits.stallSeconds * 1000
    while (this.#ws.bufferedAmount > waitingBytes && !signal.aborted) {
      if (performance.now() > until) {
        this.#ws.terminate()
        throw new ServeError('cancelled', 'The client reads nothing.')
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async #take(data: RawData): Promise<void> {
    const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as ArrayBuffer)
    const message = new Fields(parseJson(bytes))
    const setup = message.message('setup')
    if (setup) return this.#begin(message.get('setup') as Record<string, unknown>, setup)
    if (!this.#setup) throw invalid('setup', 'The first message must be a setup.')
    const content = message.message('clientContent')
    const input = message.message('realtimeInput')
    const results = message.message('toolResponse')
    if (content) {
      this.#interrupt()
      this.#endSpeech()
      this.#turns.push(...(await turnsOf(new Fields({ contents: content.get('turns') }), this.#access)))
      if (content.bool('turnComplete') !== false) this.#answer()
    } else if (input) await this.#hear(input)
    else if (results) {
      const parts = results.messages('functionResponses').map((each): unknown => ({
        functionResponse: { id: each.get('id'), name: each.get('name'), response: each.get('response') },
      }))
      this.#turns.push(await turnOf({ role: 'user', parts }, 'tool_response', this.#access, this.#turns))
      this.#answer()
    }
  }

  async #begin(body: Record<string, unknown>, setup: Fields): Promise<void> {
    const { deps } = this.#parts
    const model = setup.string('model')
    if (!model) throw invalid('setup.model', 'setup.model: must be set.')
    await deps.chat.count({ model, turns: [] })
    const contents = [{ role: 'user', parts: [{ text: '-' }] }]
    const { chat } = await readRequest({ ...body, contents }, model, this.#access)
    this.#setup = { ...chat, key: this.#access.owner }
    this.#speech = new SpeechInput(speechOptions(setup))
    this.#send({ setupComplete: {} })
  }

  async #hear(input: Fields): Promise<void> {
    const text = input.string('text')
    if (text !== undefined) {
      this.#interrupt()
      this.#endSpeech()
      this.#turns.push({ role: 'user', parts: [{ kind: 'text', text }] })
      this.#answer()
      return
    }
    if (input.has('activityStart')) {
      this.#interrupt()
      this.#speech!.begin()
    }
    const blobs = [...input.messages('mediaChunks'), ...['video', 'audio'].flatMap((name) => input.message(name) ?? [])]
    for (const blob of blobs) {
      if (isRawSound(blob.string('mimeType') ?? '')) {
        this.#listen(blob)
        continue
      }
      const part = { inlineData: { mimeType: blob.get('mimeType'), data: blob.get('data') } }
      this.#turns.push(await turnOf({ role: 'user', parts: [part] }, input.path, this.#access))
    }
    const isOver = input.has('activityEnd') || input.bool('audioStreamEnd') === true
    if (isOver && this.#endSpeech()) this.#answer()
  }

  /** Sound comes in pieces without a head: samples, in which turns must be found. */
  #listen(blob: Fields): void {
    if (!cardOf(this.#parts.deps, this.#setup!.model).inputs.includes('audio')) {
      throw invalid(blob.at('mimeType'), 'The model does not hear sound.')
    }
    for (const event of this.#speech!.push(blob)) {
      if (event === 'begun') this.#interrupt()
      else if (this.#endSpeech()) this.#answer()
    }
  }

  /** What was said becomes a turn; whether anything was. */
  #endSpeech(): boolean {
    const bytes = this.#speech?.take()
    if (bytes) this.#turns.push({ role: 'user', parts: [{ kind: 'media', mimeType: 'audio/wav', bytes }] })
    return bytes !== undefined
  }

  /** What is said now ends what is being answered; the part that was told stays. */
  #interrupt(): void {
    if (!this.#stop) return
    this.#stop.abort()
    this.#stop = undefined
    this.#send({ serverContent: { interrupted: true } })
    this.#send({ serverContent: { turnComplete: true } })
  }

  #answer(): void {
    const stop = new AbortController()
    this.#stop = stop
    void this.#write(stop.signal)
      .catch((error: unknown) => {
        if (!stop.signal.aborted) this.#fail(error)
      })
      .finally(() => {
        if (this.#stop === stop) this.#stop = undefined
      })
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { deps, rates } = this.#parts
    rates.take(this.#access.owner)
    const told: ChatPart[] = []
    const turn: ChatTurn = { role: 'model', parts: told }
    const request = { ...this.#setup!, turns: [...this.#turns] }
    this.#turns.push(turn)
    for await (const event of deps.chat.chat(request, signal)) {
      await this.#drained(signal)
      if (signal.aborted) return
      if (event.type === 'text') told.push({ kind: 'text', text: event.text })
      const part = partOf(event)
      if (event.type === 'call') {
        const { id, name, args, signature } = event
        told.push({ kind: 'call', id, name, args, signature })
        this.#send({ toolCall: { functionCalls: [{ id, name, args }] } })
      } else if (part) this.#send({ serverContent: { modelTurn: { role: 'model', parts: [part] } } })
      if (event.type === 'finish') {
        const { candidatesTokenCount, ...usage } = usageMetadata([event.usage])
        const counts = { ...usage, responseTokenCount: candidatesTokenCount }
        if (event.reason !== 'calls') this.#send({ serverContent: { generationComplete: true } })
        this.#send({
          ...(event.reason === 'calls' ? {} : { serverContent: { turnComplete: true } }),
          usageMetadata: counts,
        })
      }
    }
  }
}
