// The loop of passes: admit, plan, compute, take in, again; between two passes other work of the thread gets its turn.
import type { Model } from '../../model/index.ts'
import { PolluxError } from '../../util/index.ts'
import { EngineClosedError, EngineFailedError, EngineFullError } from './errors.ts'
import { EngineMemory } from './memory.ts'
import type { EngineSettings } from './options.ts'
import { Progress } from './progress.ts'
import { type PartOutput, type PlannedPart, runPass } from './runPass.ts'
import { Scheduler } from './scheduler.ts'
import { checkPrompt, type Sequence } from './sequence.ts'

export class EngineLoop {
  readonly memory: EngineMemory
  readonly scheduler: Scheduler
  readonly progress: Progress
  /** Rows each expert met, [layers with experts][experts]. */
  readonly expertLoad: Float64Array[] = []
  /** Sequences of the latest pass. */
  batch = 0
  readonly #model: Model
  readonly #settings: EngineSettings
  #isAwake = false
  #isClosed = false

  constructor(model: Model, settings: EngineSettings) {
    this.#model = model
    this.#settings = settings
    const { max_position_embeddings: contextTokens, vocab_size: vocab } = model.textConfig
    this.memory = new EngineMemory(model.textConfig, settings)
    this.scheduler = new Scheduler(this.memory, settings)
    this.progress = new Progress({ memory: this.memory, settings, contextTokens, vocab }, (sequence) => {
      this.end(sequence)
    })
  }

  /**
   * Lets a sequence wait its turn.
   *
   * @throws PolluxError if it can never be served; EngineFullError; EngineClosedError
   */
  submit(sequence: Sequence): void {
    if (this.#isClosed) throw new EngineClosedError()
    checkPrompt(sequence.request.prompt, this.#model, 'engine')
    const { cacheBytes, maxWaiting, maxRunning } = this.#settings
    if (!this.memory.fits(sequence.length)) {
      throw new PolluxError(
        `engine: prompt must fit the ${cacheBytes} bytes of the cache, got ${sequence.length} tokens`,
        { hint: 'give the engine more cacheBytes, or shorten the prompt' },
      )
    }
    const { waiting, running } = this.scheduler
    if (waiting.length >= maxWaiting + Math.max(0, maxRunning - running.length)) throw new EngineFullError(maxWaiting)
    waiting.push(sequence)
    this.wake()
  }

  /** Looks again whether there is something to do. */
  wake(): void {
    if (this.#isAwake || this.#isClosed) return
    this.#isAwake = true
    setImmediate(() => {
      this.#step()
    })
  }

  /** Ends a sequence, wherever it is, and frees its pages. */
  end(sequence: Sequence, error?: unknown): void {
    this.drop(sequence)
    sequence.listener.onEnd(error)
  }

  /** The same for a sequence whose reader has left. */
  drop(sequence: Sequence): void {
    this.scheduler.remove(sequence)
    this.wake()
  }

  close(): void {
    this.#isClosed = true
    for (const sequence of [...this.scheduler.running, ...this.scheduler.waiting]) {
      this.end(sequence, new EngineClosedError())
    }
    this.memory.clear()
  }

  /** One pass, and the next after other work of this thread. */
  #step(): void {
    this.#isAwake = false
    if (this.#isClosed) return
    this.scheduler.admit()
    // a prompt that was found whole has nothing to be read
    for (const sequence of this.scheduler.running) this.progress.afterReading(sequence)
    const parts = this.scheduler.plan((sequence, writers) => this.progress.draft(sequence, writers))
    if (parts.length === 0) return
    this.batch = parts.length
    this.#pass(parts)
    this.wake()
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
      if (parts.length === 1) for (const { sequence } of open) this.end(sequence, asFailure(error))
      else for (const part of open) this.#pass([part])
    }
  }

  #takeOrEnd(output: PartOutput): void {
    try {
      this.progress.take(output)
    } catch (error) {
      this.end(output.part.sequence, asFailure(error))
    }
  }

  #countLoads(loads: readonly Int32Array[]): void {
    loads.forEach((counts, layer) => {
      const sums = (this.expertLoad[layer] ??= new Float64Array(counts.length))
      counts.forEach((count, expert) => (sums[expert] += count))
    })
  }
}

function asFailure(error: unknown): unknown {
  if (error instanceof PolluxError) return error
  const said = error instanceof Error ? error.message : String(error)
  return new EngineFailedError(`a pass must not fail, got "${said}"`, error)
}
