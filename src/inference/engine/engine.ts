// The engine in the calling thread: a loop of passes that serves many requests at once.
//
//   generate, embed, pin ──> waiting ──admit──> running ──plan──> one pass ──> tokens to their readers
//                                                  ^                 │
//                                                  └─────────────────┘
//
// Between two passes other work of the thread gets its turn; that is when requests come and go, so cancelling takes one
// pass. Rows of a pass do not know each other, to the bit (src/ops/cachedAttention.ts): a request's text depends on its
// prompt, its sampling and its seed, not on what else is served, how its prompt was cut, or what was found in the cache.
// (On a CPU whose bf16 products run on tiles this holds for models of width up to 1024: see the sums of block products.)
import type { Model } from '../../model/index.ts'
import { PolluxError } from '../../util/index.ts'
import type { Engine, EngineEvent, EngineRequest, EngineStats } from '../engineTypes.ts'
import type { Prompt } from '../prompt.ts'
import { TokenChooser, tokenLogprobs } from './chooser.ts'
import { EngineClosedError, EngineFailedError, EngineFullError } from './errors.ts'
import { EventStream } from './eventStream.ts'
import { EngineMemory } from './memory.ts'
import { type EngineOptions, type EngineSettings, engineSettings } from './options.ts'
import { logitRows, type PartOutput, type PlannedPart, runPass } from './runPass.ts'
import { Scheduler } from './scheduler.ts'
import { checkPrompt, Sequence, type SequenceListener } from './sequence.ts'

/** An engine over a model in memory, which stays the caller's. Close it to give its pages back. */
export function createEngine(model: Model, options: EngineOptions = {}): Engine {
  return new LocalEngine(model, engineSettings(options))
}

/** Tokens of the shortest beginning that is kept. */
const leastShared = 8

interface Pin {
  keys: Float64Array
  timer: NodeJS.Timeout | undefined
}

class LocalEngine implements Engine {
  readonly contextTokens: number
  readonly vocabSize: number
  readonly #model: Model
  readonly #settings: EngineSettings
  readonly #memory: EngineMemory
  readonly #scheduler: Scheduler
  readonly #choosers = new WeakMap<Sequence, TokenChooser>()
  readonly #pins = new Map<string, Pin>()
  readonly #tokens = { prompt: 0, output: 0, drafted: 0, accepted: 0 }
  #expertLoad: Float64Array[] = []
  #batch = 0
  #pinCount = 0
  #isLooping = false
  #isClosed = false

  constructor(model: Model, settings: EngineSettings) {
    this.#model = model
    this.#settings = settings
    this.contextTokens = model.textConfig.max_position_embeddings
    this.vocabSize = model.textConfig.vocab_size
    this.#memory = new EngineMemory(model.textConfig, settings)
    this.#scheduler = new Scheduler(this.#memory, settings)
  }

  generate(request: EngineRequest, signal?: AbortSignal): EventStream {
    let sequence: Sequence | undefined
    const stream: EventStream = new EventStream(
      {
        start: () => {
          checkRequest(request)
          const chooser = new TokenChooser(request)
          sequence = new Sequence('write', request, listener)
          this.#choosers.set(sequence, chooser)
          this.#submit(sequence)
        },
        cancel: () => {
          if (sequence) this.#scheduler.remove(sequence)
          this.#wake()
        },
        onRead: () => {
          this.#wake()
        },
      },
      { limit: this.#settings.buffer, signal },
    )
    const listener: SequenceListener = {
      onEvent: (event) => {
        stream.push(event)
      },
      onEnd: (error) => {
        if (error === undefined) stream.end()
        else stream.fail(error)
      },
      get isFull() {
        return stream.isFull
      },
    }
    return stream
  }

  async embed(prompts: readonly Prompt[], signal?: AbortSignal): Promise<Float32Array[]> {
    return Promise.all(
      prompts.map(async (prompt) => {
        const { hiddenSum } = await this.#read('embed', prompt, signal)
        const norm = Math.sqrt(hiddenSum.reduce((sum, x) => sum + x * x, 0))
        return Float32Array.from(hiddenSum, (x) => (norm > 0 ? x / norm : 0))
      }),
    )
  }

  async pin(prompt: Prompt, ttlSeconds?: number): Promise<{ id: string; tokens: number }> {
    if (ttlSeconds !== undefined && !(ttlSeconds > 0)) {
      throw new PolluxError(`pin: ttlSeconds must be above 0, got ${ttlSeconds}`)
    }
    const sequence = await this.#read('pin', prompt)
    const keys = sequence.keys(sequence.length)
    const id = `pin-${++this.#pinCount}`
    const timer =
      ttlSeconds === undefined ? undefined : setTimeout(() => void this.unpin(id), ttlSeconds * 1000).unref()
    this.#pins.set(id, { keys, timer })
    return { id, tokens: sequence.length }
  }

  unpin(id: string): Promise<void> {
    const pin = this.#pins.get(id)
    if (pin) {
      clearTimeout(pin.timer)
      this.#memory.tree.unpin(pin.keys)
      this.#pins.delete(id)
    }
    return Promise.resolve()
  }

  stats(): Promise<EngineStats> {
    const { running, waiting } = this.#scheduler
    return Promise.resolve({
      ...{ running: running.length, waiting: waiting.length, batch: this.#batch },
      pages: this.#memory.stats(running),
      prefix: { ...this.#memory.prefixStats, nodes: this.#memory.tree.size, pinned: this.#memory.tree.pinned },
      tokens: { ...this.#tokens },
      expertLoad: this.#expertLoad.map((loads) => [...loads]),
    })
  }

  close(): Promise<void> {
    this.#isClosed = true
    for (const sequence of [...this.#scheduler.running, ...this.#scheduler.waiting]) {
      this.#end(sequence, new EngineClosedError())
    }
    for (const { timer } of this.#pins.values()) clearTimeout(timer)
    this.#pins.clear()
    this.#memory.clear()
    return Promise.resolve()
  }

  /** Reads a prompt for what is left of it, and no answer. */
  #read(kind: 'embed' | 'pin', prompt: Prompt, signal?: AbortSignal): Promise<Sequence> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const onAbort = (): void => {
        this.#scheduler.remove(sequence)
        reject(signal?.reason as Error)
      }
      const listener: SequenceListener = {
        isFull: false,
        onEvent: () => undefined,
        onEnd: (error) => {
          signal?.removeEventListener('abort', onAbort)
          if (error === undefined) resolve(sequence)
          else reject(error as Error)
        },
      }
      const sequence = new Sequence(kind, { prompt, maxTokens: 0 }, listener, this.#model.textConfig.hidden_size)
      this.#submit(sequence)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  #submit(sequence: Sequence): void {
    if (this.#isClosed) throw new EngineClosedError()
    checkPrompt(sequence.request.prompt, this.#model, 'engine')
    if (!this.#memory.fits(sequence.length)) {
      throw new PolluxError(
        `engine: prompt must fit the ${this.#settings.cacheBytes} bytes of the cache, got ${sequence.length} tokens`,
        { hint: 'give the engine more cacheBytes, or shorten the prompt' },
      )
    }
    const { maxWaiting } = this.#settings
    const { waiting, running } = this.#scheduler
    if (waiting.length >= maxWaiting + Math.max(0, this.#settings.maxRunning - running.length)) {
      throw new EngineFullError(maxWaiting)
    }
    waiting.push(sequence)
    this.#wake()
  }

  #wake(): void {
    if (this.#isLooping || this.#isClosed) return
    this.#isLooping = true
    setImmediate(() => {
      this.#step()
    })
  }

  /** One pass, and the next after other work of this thread. */
  #step(): void {
    this.#isLooping = false
    if (this.#isClosed) return
    this.#scheduler.admit()
    for (const sequence of this.#scheduler.running) if (sequence.phase === 'reading') this.#afterReading(sequence)
    const parts = this.#scheduler.plan({ draft: () => [] })
    if (parts.length === 0) return
    this.#batch = parts.length
    this.#pass(parts)
    this.#wake()
  }

  /** Runs a pass; should it fail, each part alone, so that one bad request does not take others with it. */
  #pass(parts: PlannedPart[]): void {
    const taken = new Set<PlannedPart>()
    try {
      runPass(this.#model, parts, this.#settings.compute, {
        take: (output) => {
          taken.add(output.part)
          this.#takeOrEnd(output)
        },
        onLoads: (loads) => {
          this.#countLoads(loads)
        },
      })
    } catch (error) {
      const open = parts.filter((part) => !taken.has(part))
      if (parts.length === 1) for (const { sequence } of open) this.#end(sequence, asFailure(error))
      else for (const part of open) this.#pass([part])
    }
  }

  #takeOrEnd(output: PartOutput): void {
    try {
      this.#take(output)
    } catch (error) {
      this.#end(output.part.sequence, asFailure(error))
    }
  }

  /** Takes in what a pass brought for one sequence. */
  #take({ part, logits, hidden }: PartOutput): void {
    const { sequence, rows, wanted } = part
    const count = rows.ids.length
    const from = sequence.cache!.length
    if (sequence.kind === 'embed') addRows(hidden(), sequence.hiddenSum)
    if (sequence.request.logprobs?.prompt && from < sequence.promptTokens)
      this.#takePromptLogprobs(sequence, from, count, logits)
    if (sequence.phase === 'reading') {
      this.#advanceReading(sequence, from + count)
      sequence.listener.onEvent({
        type: 'prefill',
        done: Math.min(from + count, sequence.promptTokens),
        total: sequence.promptTokens,
        cached: sequence.cachedTokens,
      })
      if (
        sequence.cache!.length === sequence.length &&
        wanted > 0 &&
        sequence.kind === 'write' &&
        sequence.request.maxTokens > 0
      ) {
        this.#startWriting(sequence)
        this.#takeToken(sequence, logits(wanted - 1, 1))
      } else this.#afterReading(sequence)
      return
    }
    sequence.cache!.advance(count)
    this.#takeToken(sequence, logits(wanted - 1, 1))
  }

  /** Counts rows of a prompt as read, and keeps the points from which others will go on. */
  #advanceReading(sequence: Sequence, end: number): void {
    const cache = sequence.cache!
    this.#tokens.prompt += end - cache.length
    if (sequence.keeps) {
      for (const point of this.#checkpoints(sequence, cache.length, end)) {
        cache.advance(point - cache.length)
        if (!this.#memory.tree.has(sequence.keys(point))) this.#memory.keep(sequence)
      }
    }
    cache.advance(end - cache.length)
  }

  /** Places in (from, end] to keep: every so many tokens, where another text parted from this one, and the last. */
  #checkpoints(sequence: Sequence, from: number, end: number): number[] {
    const { checkpointEvery } = this.#settings
    const points = new Set<number>([sequence.readTo, sequence.cutBefore(sequence.sharedTokens)])
    for (let at = checkpointEvery; at <= end; at += checkpointEvery) points.add(sequence.cutBefore(at))
    return [...points].filter((point) => point > from && point <= end && point >= leastShared).sort((a, b) => a - b)
  }

  /** What follows where a prompt is read as far as it is to be. */
  #afterReading(sequence: Sequence): void {
    const { kind, request, readTo } = sequence
    if (sequence.cache!.length < readTo) return
    if (kind === 'write' && request.maxTokens > 0) {
      if (sequence.pending === 1) this.#startWriting(sequence)
      return
    }
    if (kind === 'pin') {
      const keys = sequence.keys(readTo)
      if (!this.#memory.tree.has(keys)) this.#memory.keep(sequence)
      this.#memory.tree.pin(keys)
    }
    this.#finish(sequence, 'length')
  }

  #startWriting(sequence: Sequence): void {
    sequence.phase = 'writing'
  }

  /** Draws the token after the text and tells it. */
  #takeToken(sequence: Sequence, logits: Float32Array): void {
    const { request, times } = sequence
    if (times.firstToken === 0) times.firstToken = performance.now()
    const { id, logprob, top } = this.#choosers.get(sequence)!.choose(logits)
    if (request.stopIds?.includes(id)) {
      this.#finish(sequence, 'stop')
      return
    }
    sequence.append(id)
    sequence.written++
    this.#tokens.output++
    sequence.listener.onEvent({ type: 'token', id, ...(logprob === undefined ? {} : { logprob, top }) })
    if (sequence.written >= request.maxTokens || sequence.length > this.contextTokens) this.#finish(sequence, 'length')
  }

  /** Log-probabilities of the prompt's tokens that follow rows `from` on. */
  #takePromptLogprobs(sequence: Sequence, from: number, count: number, logits: PartOutput['logits']): void {
    const vocab = this.vocabSize
    const done = sequence.promptLogprobs.length
    for (let i = 0; i < count; i += logitRows) {
      const rows = Math.min(logitRows, count - i)
      if (from + i + rows <= done) continue
      const block = logits(i, rows)
      for (let row = 0; row < rows; row++) {
        const place = from + i + row + 1
        if (place >= sequence.promptTokens || place - 1 < done) continue
        const id = sequence.ids[place]
        const { logprob } = tokenLogprobs(block.subarray(row * vocab, (row + 1) * vocab), id, 0)
        sequence.promptLogprobs.push({ id, logprob })
      }
    }
  }

  #finish(sequence: Sequence, reason: 'stop' | 'length'): void {
    const { request, promptTokens, cachedTokens, written, times } = sequence
    if (sequence.keeps && sequence.kind === 'write' && sequence.cache!.length > 0) this.#memory.keep(sequence)
    const now = performance.now()
    const first = times.firstToken || now
    const finish: EngineEvent = {
      ...{ type: 'finish', reason },
      usage: { promptTokens, cachedTokens, outputTokens: written },
      ...(request.logprobs?.prompt ? { promptLogprobs: sequence.promptLogprobs } : {}),
      times: { queue: times.admitted - times.submitted, prefill: first - times.admitted, decode: now - first },
    }
    sequence.listener.onEvent(finish)
    this.#end(sequence)
  }

  #end(sequence: Sequence, error?: unknown): void {
    this.#scheduler.remove(sequence)
    sequence.listener.onEnd(error)
  }

  #countLoads(loads: readonly Int32Array[]): void {
    loads.forEach((counts, layer) => {
      const sums = (this.#expertLoad[layer] ??= new Float64Array(counts.length))
      counts.forEach((count, expert) => (sums[expert] += count))
    })
  }
}

function checkRequest({ maxTokens, logprobs }: EngineRequest): void {
  if (!Number.isInteger(maxTokens) || maxTokens < 0) {
    throw new PolluxError(`engine: maxTokens must be a whole number of at least 0, got ${maxTokens}`)
  }
  const top = logprobs?.top ?? 0
  if (!Number.isInteger(top) || top < 0 || top > 20) {
    throw new PolluxError(`engine: logprobs.top must be a whole number from 0 to 20, got ${top}`)
  }
}

function addRows(rows: Float32Array, sum: Float64Array): void {
  for (let i = 0; i < rows.length; i++) sum[i % sum.length] += rows[i]
}

function asFailure(error: unknown): unknown {
  if (error instanceof PolluxError) return error
  return new EngineFailedError(
    `a pass must not fail, got "${error instanceof Error ? error.message : String(error)}"`,
    error,
  )
}
