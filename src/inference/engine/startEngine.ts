// An engine in a thread of its own, so that the thread that serves never waits for a pass.
//
// The thread's death is survived: what it was serving fails with an EngineFailedError, a new thread loads the model, and
// requests that come meanwhile wait for it. Prefixes that were pinned are pinned again, beside those requests. A thread
// that dies three times before it is ready is given up.
import { Worker } from 'node:worker_threads'
import type { Engine, EngineRequest, EngineStats, ExpertShape } from '../engineTypes.ts'
import type { Prompt } from '../prompt.ts'
import { EngineClosedError, EngineFailedError } from './errors.ts'
import { EventStream } from './eventStream.ts'
import { type EngineOptions, engineSettings } from './options.ts'
import { KeptPins } from './pins.ts'
import { type CallName, type EngineSource, type FromThread, fromWire, type ThreadStart, type ToThread } from './wire.ts'

/** An engine whose work is done elsewhere. */
export interface ThreadedEngine extends Engine {
  /** The thread that serves now. */
  readonly thread: Worker
  /** Threads that have died. */
  readonly restarts: number
}

/** Starts that may fail in a row. */
const mostFailures = 3

/**
 * Starts a thread, which loads the model.
 *
 * @throws PolluxError of the loading, or of an option
 */
export async function startEngine(source: EngineSource & { options?: EngineOptions }): Promise<ThreadedEngine> {
  const { options = {}, ...model } = source
  const engine = new WorkerEngine({ source: model, options }, engineSettings(options).buffer)
  await engine.ready
  return engine
}

/** What waits for an answer of the thread. */
interface Pending {
  fail(error: Error): void
  take(message: FromThread): void
}

class WorkerEngine implements ThreadedEngine {
  contextTokens = 0
  vocabSize = 0
  experts: ExpertShape | null = null
  restarts = 0
  thread: Worker
  readonly ready: Promise<void>
  readonly #start: ThreadStart
  /** Events that may wait for a reader. */
  readonly #credit: number
  readonly #pending = new Map<number, Pending>()
  readonly #pins = new KeptPins({
    pin: (...args) => this.#call('pin', args) as Promise<{ id: string; tokens: number }>,
    unpin: (id) => this.#call('unpin', [id]) as Promise<undefined>,
  })
  #onReady: { resolve: () => void; reject: (error: Error) => void } | null = null
  #nextId = 0
  #failures = 0
  #dead: Error | null = null
  #isClosed = false

  constructor(start: ThreadStart, credit: number) {
    this.#start = start
    this.#credit = credit
    this.ready = new Promise((resolve, reject) => {
      this.#onReady = { resolve, reject }
    })
    this.thread = this.#newThread()
  }

  generate(request: EngineRequest, signal?: AbortSignal): EventStream {
    let id = -1
    let read = 0
    const stream: EventStream = new EventStream(
      {
        start: () => {
          id = this.#expect({
            fail: (error) => {
              stream.fail(error)
            },
            take: (message) => {
              if (message.type === 'event') stream.push(message.event)
              if (message.type !== 'end') return
              this.#pending.delete(id)
              if (message.error) stream.fail(fromWire(message.error))
              else stream.end()
            },
          })
          this.#post({ type: 'generate', id, request, credit: this.#credit })
        },
        cancel: () => {
          if (this.#pending.delete(id)) this.#post({ type: 'cancel', id })
        },
        onRead: () => {
          read++
          if (2 * read < this.#credit) return
          if (this.#pending.has(id)) this.#post({ type: 'credit', id, count: read })
          read = 0
        },
      },
      { limit: Infinity, signal },
    )
    return stream
  }

  embed(prompts: readonly Prompt[], signal?: AbortSignal): Promise<Float32Array[]> {
    return this.#call('embed', [prompts], signal) as Promise<Float32Array[]>
  }

  pin(prompt: Prompt, ttlSeconds?: number): Promise<{ id: string; tokens: number }> {
    return this.#pins.pin(prompt, ttlSeconds)
  }

  unpin(id: string): Promise<void> {
    return this.#pins.unpin(id)
  }

  stats(): Promise<EngineStats> {
    return this.#call('stats', []) as Promise<EngineStats>
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#pins.clear()
    this.#failAll(new EngineClosedError())
    await this.thread.terminate()
  }

  async #call(method: CallName, args: unknown[], signal?: AbortSignal): Promise<unknown> {
    signal?.throwIfAborted()
    return new Promise((resolve, reject) => {
      const id = this.#expect({
        fail: reject,
        take: (message) => {
          if (message.type !== 'result') return
          this.#pending.delete(id)
          if (message.error) reject(fromWire(message.error))
          else resolve(message.value)
        },
      })
      this.#post({ type: 'call', id, method, args })
      signal?.addEventListener(
        'abort',
        () => {
          if (this.#pending.delete(id)) this.#post({ type: 'cancel', id })
          reject(signal.reason as Error)
        },
        { once: true },
      )
    })
  }

  #expect(pending: Pending): number {
    if (this.#isClosed) throw new EngineClosedError()
    if (this.#dead) throw this.#dead
    const id = this.#nextId++
    this.#pending.set(id, pending)
    return id
  }

  /** Messages to a thread that is still loading wait in its port. */
  #post(message: ToThread): void {
    if (!this.#isClosed) this.thread.postMessage(message)
  }

  #newThread(): Worker {
    const thread = new Worker(new URL('./thread.ts', import.meta.url), {
      workerData: this.#start,
      // its own objects are small, and most live for a step: Node's default of 128 MiB would only be memory
      resourceLimits: { maxYoungGenerationSizeMb: 32 },
    })
    let reason: Error | null = null
    thread.on('message', (message: FromThread) => {
      if (message.type === 'ready') this.#becomeReady(message)
      else if (message.type === 'failed') reason = fromWire(message.error)
      else this.#pending.get(message.id)?.take(message)
    })
    thread.on('error', (error) => {
      reason ??= new EngineFailedError(`its thread must not fail, got "${String(error)}"`, error)
    })
    thread.on('exit', () => {
      if (!this.#isClosed) this.#restart(reason ?? new EngineFailedError('its thread must not end, and did'))
    })
    return thread
  }

  #becomeReady({ contextTokens, vocabSize, experts }: Extract<FromThread, { type: 'ready' }>): void {
    Object.assign(this, { contextTokens, vocabSize, experts })
    this.#failures = 0
    void this.#pins.restore()
    this.#onReady?.resolve()
    this.#onReady = null
  }

  /** Fails what the dead thread was serving and starts another. */
  #restart(reason: Error): void {
    this.restarts++
    const isFirst = this.#onReady !== null
    this.#pins.threadDied()
    this.#failAll(reason)
    if (isFirst || ++this.#failures >= mostFailures) {
      this.#dead = reason
      this.#onReady?.reject(reason)
      return
    }
    this.thread = this.#newThread()
  }

  #failAll(error: Error): void {
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const each of pending) each.fail(error)
  }
}
