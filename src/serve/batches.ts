// Batches: many requests in one, answered in the background, a few at a time, for both protocols.
//
// A protocol says what its requests are (`run`); this file keeps the count, the answers and the end. Batches live in memory as
// long as files do.
import { randomId } from './fileStore.ts'
import { ServeError, toServeError } from './serveError.ts'

export type BatchState = 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled'

/** An answer, or what went wrong. */
export type BatchResult<Response> = { response: Response } | { error: ServeError }

export interface NewBatch<Request, Response> {
  protocol: string
  owner: string
  model: string
  displayName?: string
  requests: Request[]
  run: (request: Request, signal: AbortSignal) => Promise<Response>
  /** Called once when all is answered, before the state changes; what it throws fails the batch. */
  onEnd?: (batch: Batch<Request, Response>) => Promise<void>
}

export interface Batch<Request = unknown, Response = unknown> {
  id: string
  protocol: string
  owner: string
  model: string
  displayName?: string
  requests: Request[]
  /** By request; undefined where none was made yet. */
  results: (BatchResult<Response> | undefined)[]
  state: BatchState
  /** Why it failed. */
  error?: ServeError
  /** Whatever a protocol keeps with it. */
  output: Record<string, unknown>
  /** Milliseconds since 1970. */
  createdAt: number
  updatedAt: number
  startedAt?: number
  endedAt?: number
}

export interface BatchesOptions {
  /** Requests in work at once, of all batches. Default 4. */
  concurrency?: number
  /** Seconds that a batch is kept. Default 48 hours. */
  ttlSeconds?: number
  now?: () => number
}

export class Batches {
  readonly #concurrency: number
  readonly #ttl: number
  readonly #now: () => number
  readonly #batches = new Map<string, Batch>()
  readonly #aborts = new Map<string, AbortController>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor({ concurrency = 4, ttlSeconds = 48 * 3600, now = Date.now }: BatchesOptions = {}) {
    this.#concurrency = concurrency
    this.#ttl = ttlSeconds * 1000
    this.#now = now
  }

  /** Takes a batch in and begins with it. */
  start<Request, Response>(options: NewBatch<Request, Response>): Batch<Request, Response> {
    this.#sweep()
    const { protocol, owner, model, displayName, requests } = options
    const now = this.#now()
    const batch: Batch<Request, Response> = {
      ...{ id: randomId(), protocol, owner, model, displayName, requests },
      ...{ results: requests.map(() => undefined), state: 'pending', output: {}, createdAt: now, updatedAt: now },
    }
    this.#batches.set(batch.id, batch as Batch)
    this.#aborts.set(batch.id, new AbortController())
    void this.#work(batch, options)
    return batch
  }

  async #work<Request, Response>(batch: Batch<Request, Response>, options: NewBatch<Request, Response>): Promise<void> {
    const { signal } = this.#aborts.get(batch.id)!
    await Promise.all(batch.requests.map((request, i) => this.#one(batch, i, request, options.run, signal)))
    try {
      await options.onEnd?.(batch)
      batch.state = signal.aborted ? 'cancelled' : 'succeeded'
    } catch (error) {
      batch.state = 'failed'
      batch.error = toServeError(error)
    }
    this.#aborts.delete(batch.id)
    batch.endedAt = batch.updatedAt = this.#now()
  }

  async #one<Request, Response>(
    batch: Batch<Request, Response>,
    index: number,
    request: Request,
    run: (request: Request, signal: AbortSignal) => Promise<Response>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#turn()
    try {
      if (signal.aborted) return
      if (batch.state === 'pending') [batch.state, batch.startedAt] = ['running', this.#now()]
      batch.results[index] = { response: await this.#patiently(() => run(request, signal), signal) }
    } catch (error) {
      batch.results[index] = { error: toServeError(error, signal) }
    } finally {
      batch.updatedAt = this.#now()
      // a place goes to who waits for one
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }

  /** A full queue is no failure for work that can wait. */
  async #patiently<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await run()
      } catch (thrown) {
        const error = toServeError(thrown, signal)
        if (error.kind !== 'exhausted' || signal.aborted) throw error
        await new Promise((resolve) => setTimeout(resolve, (error.retrySeconds ?? 1) * 1000).unref())
      }
    }
  }

  async #turn(): Promise<void> {
    if (this.#running < this.#concurrency) this.#running++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #sweep(): void {
    for (const { id, endedAt } of this.#batches.values()) {
      if (endedAt !== undefined && endedAt + this.#ttl <= this.#now()) this.#batches.delete(id)
    }
  }

  /** @throws ServeError notFound */
  get(id: string, protocol: string, owner: string): Batch {
    this.#sweep()
    const batch = this.#batches.get(id)
    if (batch && batch.protocol === protocol && batch.owner === owner) return batch
    throw new ServeError('notFound', `Batch ${id.slice(0, 64)} does not exist.`)
  }

  /** Batches of a key, newest first. */
  list(protocol: string, owner: string): Batch[] {
    this.#sweep()
    return [...this.#batches.values()].filter((batch) => batch.protocol === protocol && batch.owner === owner).reverse()
  }

  /** Stops one; what is answered stays. After its end it does nothing. @throws ServeError notFound */
  cancel(id: string, protocol: string, owner: string): Batch {
    const batch = this.get(id, protocol, owner)
    this.#aborts.get(id)?.abort(new ServeError('cancelled', 'The batch was cancelled.'))
    if (batch.state === 'pending' || batch.state === 'running') batch.state = 'cancelled'
    return batch
  }

  /** @throws ServeError notFound */
  remove(id: string, protocol: string, owner: string): void {
    this.cancel(id, protocol, owner)
    this.#batches.delete(id)
  }

  /** Stops all. */
  close(): void {
    for (const abort of this.#aborts.values()) abort.abort(new ServeError('unavailable', 'The server ends.'))
  }
}
