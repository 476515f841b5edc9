// The events of one request on their way to its reader: bounded, so that a reader who stops reading stops the writing.
//
//   engine: push ──> [ .. a few events .. ] ──> next: reader
//           `isFull` pauses the sequence        `onRead` wakes it again
//
// Nothing is asked of the engine before the first `next`, so a stream that nobody reads costs nothing. `return` (leaving a
// for-await loop) and the signal cancel at once, also while a `next` waits.
import type { EngineEvent } from '../engineTypes.ts'

export interface StreamSource {
  /** Called at the first `next`. What it throws, that `next` throws. */
  start(): void
  /** The reader does not want more. */
  cancel(): void
  /** An event was taken. */
  onRead?(): void
}

interface Waiter {
  resolve(result: IteratorResult<EngineEvent, undefined>): void
  reject(error: unknown): void
}

const ended = { done: true, value: undefined } as const

export class EventStream implements AsyncIterableIterator<EngineEvent, undefined> {
  readonly #limit: number
  readonly #signal: AbortSignal | undefined
  readonly #source: StreamSource
  #events: EngineEvent[] = []
  #waiters: Waiter[] = []
  #state: 'new' | 'open' | 'ended' = 'new'
  #error: { reason: unknown } | null = null
  readonly #onAbort = (): void => {
    this.#stop()
    this.fail(this.#signal?.reason)
  }

  /** @param limit events that may wait for the reader */
  constructor(source: StreamSource, { limit, signal }: { limit: number; signal?: AbortSignal }) {
    this.#source = source
    this.#limit = limit
    this.#signal = signal
  }

  /** As many events wait as may. */
  get isFull(): boolean {
    return this.#events.length >= this.#limit
  }

  /** Events that wait. */
  get waiting(): number {
    return this.#events.length
  }

  push(event: EngineEvent): void {
    if (this.#state === 'ended') return
    const waiter = this.#waiters.shift()
    if (waiter) {
      waiter.resolve({ done: false, value: event })
      this.#source.onRead?.()
      return
    }
    // of progress only the latest is of interest
    if (event.type === 'prefill' && this.#events.at(-1)?.type === 'prefill') this.#events.pop()
    this.#events.push(event)
  }

  /** No event will come; those that wait are still read. */
  end(): void {
    this.#close()
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(ended)
  }

  /** Ends with an error; events that wait are dropped. */
  fail(reason: unknown): void {
    if (this.#state === 'ended' && this.#events.length === 0) return
    this.#events = []
    this.#close()
    const [first, ...others] = this.#waiters.splice(0)
    if (first) first.reject(reason)
    else this.#error = { reason }
    for (const waiter of others) waiter.resolve(ended)
  }

  next(): Promise<IteratorResult<EngineEvent, undefined>> {
    if (this.#state === 'new') {
      this.#state = 'open'
      try {
        this.#signal?.throwIfAborted()
        this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
        this.#source.start()
      } catch (error) {
        this.#close()
        return Promise.reject(error as Error)
      }
    }
    const event = this.#events.shift()
    if (event) {
      this.#source.onRead?.()
      return Promise.resolve({ done: false, value: event })
    }
    if (this.#error) {
      const { reason } = this.#error
      this.#error = null
      return Promise.reject(reason as Error)
    }
    if (this.#state === 'ended') return Promise.resolve(ended)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
    })
  }

  return(): Promise<IteratorResult<EngineEvent, undefined>> {
    this.#stop()
    this.#events = []
    this.#error = null
    this.end()
    return Promise.resolve(ended)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #stop(): void {
    if (this.#state === 'open') this.#source.cancel()
  }

  #close(): void {
    this.#state = 'ended'
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}
