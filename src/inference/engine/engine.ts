// The engine in the calling thread: a loop of passes that serves many requests at once.
//
//   generate, embed, pin ──> waiting ──admit──> running ──plan──> one pass ──> tokens to their readers
//                                                  ^                 │
//                                                  └─────────────────┘
//
// Requests come and go between two passes, so cancelling takes one pass. Rows of a pass do not know each other, to the bit
// (src/ops/cachedAttention.ts): a request's text depends on its prompt, its sampling and its seed, not on what else is
// served, how its prompt was cut, what was guessed, or what was found in the cache. (Where bf16 products run on tiles this
// holds for models of a width up to 1024: beyond, the head's sums are cut, and tiles add to them in another order.)
import type { Model } from '../../model/index.ts'
import { PolluxError } from '../../util/index.ts'
import type { Engine, EngineRequest, EngineStats, ExpertShape } from '../engineTypes.ts'
import type { Prompt } from '../prompt.ts'
import { EventStream } from './eventStream.ts'
import { expertShape } from './expertTrace.ts'
import { EngineLoop } from './loop.ts'
import { type EngineOptions, type EngineSettings, engineSettings } from './options.ts'
import { Expiry } from './pins.ts'
import { checkNumbers } from './progress.ts'
import { Sequence, type SequenceListener } from './sequence.ts'
import { WriterFactory } from './writer.ts'

/** An engine over a model in memory, which stays the caller's. Close it to give its pages back. */
export function createEngine(model: Model, options: EngineOptions = {}): Engine {
  return new LocalEngine(model, engineSettings(options))
}

interface Pin {
  keys: Float64Array
  timer: Expiry | undefined
}

class LocalEngine implements Engine {
  readonly contextTokens: number
  readonly vocabSize: number
  readonly experts: ExpertShape | null
  readonly #hiddenSize: number
  readonly #buffer: number
  readonly #loop: EngineLoop
  readonly #writers: WriterFactory
  readonly #pins = new Map<string, Pin>()
  #pinCount = 0

  constructor(model: Model, settings: EngineSettings) {
    const { max_position_embeddings, vocab_size, hidden_size } = model.textConfig
    this.contextTokens = max_position_embeddings
    this.vocabSize = vocab_size
    this.experts = expertShape(model.textConfig)
    this.#hiddenSize = hidden_size
    this.#buffer = settings.buffer
    this.#loop = new EngineLoop(model, settings)
    this.#writers = new WriterFactory(model, settings.vocabulary)
  }

  generate(request: EngineRequest, signal?: AbortSignal): EventStream {
    let sequence: Sequence | undefined
    const stream: EventStream = new EventStream(
      {
        start: () => {
          checkNumbers(request)
          sequence = new Sequence('write', request, listener)
          sequence.writer = this.#writers.create(request)
          this.#loop.submit(sequence)
        },
        cancel: () => {
          if (sequence) this.#loop.drop(sequence)
        },
        onRead: () => {
          this.#loop.wake()
        },
      },
      { limit: this.#buffer, signal },
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
    const id = `pin-${++this.#pinCount}`
    const timer = ttlSeconds === undefined ? undefined : new Expiry(ttlSeconds, () => void this.unpin(id))
    this.#pins.set(id, { keys: sequence.keys(sequence.length), timer })
    return { id, tokens: sequence.length }
  }

  unpin(id: string): Promise<void> {
    const pin = this.#pins.get(id)
    if (pin) {
      pin.timer?.clear()
      this.#loop.memory.tree.unpin(pin.keys)
      this.#pins.delete(id)
    }
    return Promise.resolve()
  }

  stats(): Promise<EngineStats> {
    const { memory, scheduler, progress, batch, expertLoad } = this.#loop
    const { running, waiting } = scheduler
    return Promise.resolve({
      ...{ running: running.length, waiting: waiting.length, preemptions: scheduler.preemptions, batch },
      pages: memory.stats(running),
      prefix: { ...memory.prefixStats, nodes: memory.tree.size, pinned: memory.tree.pinned },
      tokens: { ...progress.tokens },
      expertLoad: expertLoad.map((loads) => [...loads]),
    })
  }

  close(): Promise<void> {
    for (const { timer } of this.#pins.values()) timer?.clear()
    this.#pins.clear()
    this.#loop.close()
    return Promise.resolve()
  }

  /** Reads a prompt for what is left of it, and no answer. */
  #read(kind: 'embed' | 'pin', prompt: Prompt, signal?: AbortSignal): Promise<Sequence> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const onAbort = (): void => {
        this.#loop.end(sequence, signal?.reason)
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
      const sequence = new Sequence(kind, { prompt, maxTokens: 0 }, listener, this.#hiddenSize)
      this.#loop.submit(sequence)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
