// An engine whose answers are given in advance: for tests of what is made of an answer, which no untrained model would give.
//
// It is a model, not a server: prompts are counted and kept, stop tokens end, limits hold, signals cancel. Grammars are not
// looked at.
import {
  EngineFailedError,
  type Engine,
  type EngineEvent,
  type EngineRequest,
  type EngineStats,
  type Prompt,
} from '../inference/index.ts'

/** Ids of an answer, or an error that the engine meets after them. */
export type Script = readonly number[] | { ids: readonly number[]; error: Error }

export interface ScriptedEngineOptions {
  /** Answers in the order in which they are asked for, or made from the request; the last one repeats. */
  script: readonly Script[] | ((request: EngineRequest) => Script)
  vocabSize: number
  /** Default 4096. */
  contextTokens?: number
  /** Milliseconds before each token. Default 0. */
  delay?: number
}

export class ScriptedEngine implements Engine {
  readonly contextTokens: number
  readonly vocabSize: number
  readonly experts = null
  /** What was asked. */
  readonly requests: EngineRequest[] = []
  /** Answers that were left before their end. */
  cancelled = 0
  #running = 0
  readonly #seen: Int32Array[] = []
  readonly #pins = new Set<string>()
  readonly #options: ScriptedEngineOptions

  constructor(options: ScriptedEngineOptions) {
    this.#options = options
    this.vocabSize = options.vocabSize
    this.contextTokens = options.contextTokens ?? 4096
  }

  async *generate(request: EngineRequest, signal?: AbortSignal): AsyncGenerator<EngineEvent> {
    signal?.throwIfAborted()
    const { script, delay = 0 } = this.#options
    const answer =
      typeof script === 'function' ? script(request) : script[Math.min(this.requests.length, script.length - 1)]
    this.requests.push(request)
    const total = request.prompt.ids.length
    const cached = this.#cached(request.prompt.ids)
    const written: number[] = []
    const ids = 'ids' in answer ? answer.ids : answer
    let isDone = false
    this.#running++
    try {
      if (cached < total - 1) yield { type: 'prefill', done: total, total, cached }
      let reason: 'stop' | 'length' = 'stop'
      for (const id of ids) {
        await new Promise((resolve) => (delay > 0 ? setTimeout(resolve, delay) : setImmediate(resolve)))
        signal?.throwIfAborted()
        if (request.stopIds?.includes(id)) break
        if (written.length >= request.maxTokens || total + written.length > this.contextTokens) {
          reason = 'length'
          break
        }
        written.push(id)
        const top = Array.from({ length: request.logprobs?.top ?? 0 }, (_, i) => ({
          id: (id + i) % this.vocabSize,
          logprob: -0.5 - i,
        }))
        yield { type: 'token', id, ...(request.logprobs ? { logprob: -0.5, top } : {}) }
      }
      if ('error' in answer) throw answer.error
      isDone = true
      this.#seen.push(Int32Array.from([...request.prompt.ids, ...written]))
      const promptLogprobs = [...request.prompt.ids].slice(1).map((id) => ({ id, logprob: -1 }))
      yield {
        ...{ type: 'finish', reason },
        usage: { promptTokens: total, cachedTokens: cached, outputTokens: written.length },
        ...(request.logprobs?.prompt ? { promptLogprobs } : {}),
        times: { queue: 0, prefill: 1, decode: 1 },
      }
    } finally {
      this.#running--
      if (!isDone) this.cancelled++
    }
  }

  /** Tokens of a prompt that an earlier text begins with. */
  #cached(ids: Int32Array): number {
    const shared = this.#seen.map((seen) => {
      let at = 0
      while (at < seen.length && at < ids.length - 1 && seen[at] === ids[at]) at++
      return at
    })
    return Math.max(0, ...shared)
  }

  /** A vector of 8 numbers that depends on the ids. */
  async embed(prompts: readonly Prompt[], signal?: AbortSignal): Promise<Float32Array[]> {
    signal?.throwIfAborted()
    return prompts.map(({ ids }) => {
      const vector = new Float32Array(8).fill(0.01)
      ids.forEach((id, i) => (vector[(id + i) % 8] += 1))
      const norm = Math.hypot(...vector)
      return vector.map((value) => value / norm)
    })
  }

  async pin({ ids }: Prompt): Promise<{ id: string; tokens: number }> {
    const id = `pin-${this.#pins.size + 1}`
    this.#pins.add(id)
    this.#seen.push(ids)
    return { id, tokens: ids.length }
  }

  async unpin(id: string): Promise<void> {
    this.#pins.delete(id)
  }

  async stats(): Promise<EngineStats> {
    return {
      ...{
        running: this.#running,
        waiting: 0,
        preemptions: 0,
        batch: this.#running,
        pages: { used: 0, kept: 0, lost: 0, total: 1 },
      },
      prefix: { queries: 0, hitTokens: 0, queryTokens: 0, nodes: 0, pinned: this.#pins.size },
      tokens: { prompt: 0, output: 0, forced: 0, drafted: 0, accepted: 0 },
      expertLoad: [[1, 2]],
    }
  }

  async close(): Promise<void> {}
}

/** The error of an engine whose thread died. */
export function engineDeath(): Error {
  return new EngineFailedError('its thread must not end, and did')
}
