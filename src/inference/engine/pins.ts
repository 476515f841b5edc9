// Prefixes that are pinned in an engine's thread, known outside of it: a new thread is told of them after the old one died.
//
// What a caller holds is a name of ours; the thread's own name for a pin changes with the thread.
import type { Prompt } from '../prompt.ts'
import { EngineFullError } from './errors.ts'

/** What a thread does for pins. */
export interface Pinning {
  pin(prompt: Prompt, ttlSeconds?: number): Promise<{ id: string; tokens: number }>
  unpin(id: string): Promise<void>
}

interface KeptPin {
  prompt: Prompt
  /** Milliseconds on the clock of `performance`. */
  until: number
  timer: Expiry | undefined
  /** Its name in the thread that lives; null until it is pinned there. */
  inThread: string | null
}

/** Milliseconds before a prefix is tried again that came to a full queue. */
const retryMs = 1000

export class KeptPins {
  readonly #thread: Pinning
  readonly #pins = new Map<string, KeptPin>()
  #count = 0

  constructor(thread: Pinning) {
    this.#thread = thread
  }

  /** Pins in the thread. @throws what the thread does; nothing is kept then */
  async pin(prompt: Prompt, ttlSeconds?: number): Promise<{ id: string; tokens: number }> {
    const { id: inThread, tokens } = await this.#thread.pin(prompt, ttlSeconds)
    const id = `pin-${++this.#count}`
    const until = performance.now() + 1000 * (ttlSeconds ?? Infinity)
    const timer = ttlSeconds === undefined ? undefined : new Expiry(ttlSeconds, () => this.#pins.delete(id))
    this.#pins.set(id, { prompt, until, timer, inThread })
    return { id, tokens }
  }

  async unpin(id: string): Promise<void> {
    const pin = this.#pins.get(id)
    if (!pin) return
    this.#pins.delete(id)
    pin.timer?.clear()
    if (pin.inThread !== null) await this.#thread.unpin(pin.inThread)
  }

  /** The thread has died: its names mean nothing any more. */
  threadDied(): void {
    for (const pin of this.#pins.values()) pin.inThread = null
  }

  /** Pins in a new thread what was pinned in the old one: one after another, so that requests get their turn. */
  async restore(): Promise<void> {
    for (const [id, pin] of [...this.#pins]) {
      // until it is pinned, not wanted any more, or the thread cannot do it; should it die, the next one is told again
      while (this.#pins.get(id) === pin && pin.inThread === null && (await this.#restoreOne(id, pin)) === 'later') {
        await new Promise((resolve) => setTimeout(resolve, retryMs).unref())
      }
    }
  }

  async #restoreOne(id: string, pin: KeptPin): Promise<'done' | 'later'> {
    const seconds = (pin.until - performance.now()) / 1000
    if (seconds <= 0) return 'done'
    try {
      const { id: inThread } = await this.#thread.pin(pin.prompt, seconds === Infinity ? undefined : seconds)
      if (this.#pins.get(id) === pin) pin.inThread = inThread
      else await this.#thread.unpin(inThread)
      return 'done'
    } catch (error) {
      return error instanceof EngineFullError ? 'later' : 'done'
    }
  }

  clear(): void {
    for (const { timer } of this.#pins.values()) timer?.clear()
    this.#pins.clear()
  }
}

/** Longest time of one timer of Node: 2^31 - 1 milliseconds, some 24 days. */
const longestTimer = 2 ** 31 - 1

/** Calls back once, after any time; keeps no process alive. */
export class Expiry {
  #timer: NodeJS.Timeout | undefined

  constructor(seconds: number, onEnd: () => void) {
    const until = performance.now() + 1000 * seconds
    const wait = (): void => {
      const left = until - performance.now()
      if (left <= 0) onEnd()
      else this.#timer = setTimeout(wait, Math.min(Math.ceil(left), longestTimer)).unref()
    }
    wait()
  }

  clear(): void {
    clearTimeout(this.#timer)
  }
}
