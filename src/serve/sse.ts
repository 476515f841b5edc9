// Server-sent events, written no faster than the client reads.
//
// Some clients stop reading without closing (a `break` in @google/genai's loop): `send` waits for the socket, so the model
// waits too, and after a while the stream is given up. Comments keep a silent stream open; each is a block of its own.
import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { ServeError, toServeError } from './serveError.ts'
import type { ServeContext, ServeLimits } from './types.ts'

export interface StreamOptions {
  /** Default 'text/event-stream'. */
  contentType?: string
  limits: Pick<ServeLimits, 'pingSeconds' | 'stallSeconds'>
  /** The end of a stream that fails after its first byte. Default: it is cut. */
  onError?: (error: ServeError) => string | undefined
}

/** An open stream of text. */
export class StreamWriter {
  readonly #out: ServerResponse
  readonly #options: StreamOptions
  #ping: NodeJS.Timeout | undefined

  constructor(out: ServerResponse, options: StreamOptions) {
    this.#out = out
    this.#options = options
    if (this.#isSse) {
      this.#ping = setInterval(() => this.#comment(), options.limits.pingSeconds * 1000)
      this.#ping.unref()
    }
  }

  get #isSse(): boolean {
    return this.#options.contentType === undefined
  }

  /** Bytes have been sent: the status can no longer be chosen. */
  get isStarted(): boolean {
    return this.#out.headersSent
  }

  #start(): void {
    if (this.isStarted) return
    this.#out.statusCode = 200
    this.#out.setHeader('content-type', this.#options.contentType ?? 'text/event-stream')
    this.#out.setHeader('cache-control', 'no-cache')
    this.#out.setHeader('x-accel-buffering', 'no')
    this.#out.flushHeaders()
  }

  #comment(): void {
    if (this.#out.writableEnded || this.#out.destroyed || this.#out.writableNeedDrain) return
    this.#start()
    this.#out.write(': ping\n\n')
  }

  /** One event of JSON on one line. Resolves when the client keeps up. */
  async event(data: unknown, name?: string): Promise<void> {
    await this.raw(`${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`)
  }

  /** Text as it is. @throws ServeError cancelled when the client is gone or reads nothing for too long */
  async raw(text: string): Promise<void> {
    if (this.#out.destroyed) throw gone()
    this.#start()
    this.#ping?.refresh()
    if (!this.#out.write(text)) await this.#drained()
  }

  #drained(): Promise<void> {
    const out = this.#out
    return new Promise((resolve, reject) => {
      const stall = setTimeout(() => {
        settle(new ServeError('cancelled', 'The client reads nothing.'))
        out.destroy()
      }, this.#options.limits.stallSeconds * 1000)
      const onDrain = () => settle()
      const onClose = () => settle(gone())
      const settle = (error?: ServeError) => {
        clearTimeout(stall)
        out.off('drain', onDrain)
        out.off('close', onClose)
        if (error) reject(error)
        else resolve()
      }
      out.on('drain', onDrain)
      out.on('close', onClose)
    })
  }

  /** Ends the stream; a second time does nothing. */
  end(last = ''): void {
    clearInterval(this.#ping)
    if (this.#out.writableEnded || this.#out.destroyed) return
    this.#start()
    this.#out.end(last)
  }

  /** Takes back what was set up, for an error that is told by its status. */
  abandon(): void {
    clearInterval(this.#ping)
  }
}

function gone(): ServeError {
  return new ServeError('cancelled', 'The client is gone.')
}

/**
 * Answers with a stream that `write` fills. What it throws before the first byte is thrown on, and so gets a status of its own;
 * later it becomes the last event.
 */
export async function answerStream(
  context: ServeContext,
  options: StreamOptions,
  write: (stream: StreamWriter) => Promise<void>,
): Promise<Response> {
  const { outgoing, scope } = context.env
  const stream = new StreamWriter(outgoing, options)
  try {
    await write(stream)
    stream.end()
  } catch (thrown) {
    const error = toServeError(thrown, scope.signal)
    if (!stream.isStarted) {
      stream.abandon()
      throw error
    }
    scope.note({
      error: error.kind,
      message: error.message,
      ...(error.kind === 'internal' && { cause: String(error.cause) }),
    })
    const last = error.kind === 'cancelled' ? undefined : options.onError?.(error)
    if (last === undefined) outgoing.destroy()
    stream.end(last)
  }
  return RESPONSE_ALREADY_SENT
}
