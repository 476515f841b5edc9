// One text being written under a grammar: its state after every token, so that steps can be taken back.
import { PolluxError } from '../../util/index.ts'
import type { StateMasks } from './masks.ts'
import type { State, States } from './states.ts'
import type { GrammarVocabulary } from './vocabulary.ts'

/** What must come next, whatever the model says: bytes, or special tokens; both empty where there is a choice. */
export interface Forced {
  bytes: Uint8Array
  ids: readonly number[]
}

const MOST_FORCED = 2048

export class GrammarMatcher {
  readonly #vocabulary: GrammarVocabulary
  readonly #states: States
  readonly #masks: StateMasks
  /** States after every accepted token, the start first. */
  readonly #history: State[]
  #hasStopped = false

  constructor(vocabulary: GrammarVocabulary, states: States, masks: StateMasks, history: readonly State[]) {
    this.#vocabulary = vocabulary
    this.#states = states
    this.#masks = masks
    this.#history = [...history]
  }

  get #state(): State {
    return this.#history[this.#history.length - 1]
  }

  /** Tokens accepted so far, a stop token not counted. */
  get length(): number {
    return this.#history.length - 1
  }

  /**
   * Which tokens may come next: bit `id & 31` of word `id >> 5`. Never all zero before the end. Shared with other
   * matchers: do not change it.
   */
  mask(): Uint32Array {
    if (this.#hasStopped) return new Uint32Array((this.#vocabulary.size + 31) >> 5)
    return this.#masks.of(this.#state)
  }

  /** Whether a token may come next. */
  allows(id: number): boolean {
    return !this.#hasStopped && this.#after(id) !== undefined
  }

  /** The state after a token, undefined if it may not follow; the state itself after a stop token. */
  #after(id: number): State | undefined {
    const { tokens, stopIds, size } = this.#vocabulary
    const state = this.#state
    if (!(Number.isInteger(id) && id >= 0 && id < size)) return undefined
    const next = this.#states.stepToken(state, id)
    const isFree = state.places.some(({ kind }) => kind === 'free')
    if (stopIds.includes(id)) {
      const isWanted = state.places.some((place) => place.kind === 'token' && place.token === id)
      if (isWanted) return next
      return state.accepts ? state : undefined
    }
    const bytes = tokens[id]
    const triggers = state.places.some((place) => place.kind === 'free' && place.triggers.has(id))
    if (bytes === undefined || bytes.length === 0 || triggers || (next !== this.#states.dead && !isFree)) {
      return next === this.#states.dead ? undefined : next
    }
    let after = state
    for (const byte of bytes) {
      after = this.#states.step(after, byte)
      if (after === this.#states.dead) return undefined
    }
    return after
  }

  /** Goes on by a token. A stop token ends the text. @throws PolluxError for a token that may not follow */
  accept(id: number): void {
    const after = this.#hasStopped ? undefined : this.#after(id)
    if (after === undefined) throw new PolluxError(`grammar: a token must be one that may follow, got ${id}`)
    if (after === this.#state && this.#vocabulary.stopIds.includes(id) && this.#state.accepts) this.#hasStopped = true
    else this.#history.push(after)
  }

  /** Takes back the last `count` tokens (and a stop token after them). */
  rollback(count: number): void {
    if (!(Number.isInteger(count) && count >= 0 && count <= this.length)) {
      throw new PolluxError(`grammar: rollback must be of 0 to ${this.length} tokens, got ${count}`)
    }
    this.#history.length -= count
    this.#hasStopped = false
  }

  /** Whether the text may end here: a stop token is allowed. */
  get canEnd(): boolean {
    return this.#state.accepts
  }

  /** Whether the text has ended or must: nothing may follow but a stop token. */
  get isComplete(): boolean {
    return this.#hasStopped || (this.#state.accepts && this.#state.places.length === 0)
  }

  /** What must come next; the matcher stays where it is. */
  jumpForward(): Forced {
    const [bytes, ids]: [number[], number[]] = [[], []]
    let state = this.#state
    while (!this.#hasStopped && ids.length < MOST_FORCED) {
      const [place] = state.places
      if (state.accepts || state.places.length !== 1 || place.kind !== 'token') break
      ids.push(place.token)
      state = this.#states.stepToken(state, place.token)
    }
    while (!this.#hasStopped && ids.length === 0 && bytes.length < MOST_FORCED) {
      const byte = this.#states.forcedByte(state)
      if (byte < 0) break
      bytes.push(byte)
      state = this.#states.step(state, byte)
    }
    return { bytes: Uint8Array.from(bytes), ids }
  }

  /** A matcher at the same place that goes its own way. */
  clone(): GrammarMatcher {
    const other = new GrammarMatcher(this.#vocabulary, this.#states, this.#masks, this.#history)
    other.#hasStopped = this.#hasStopped
    return other
  }
}

/**
 * Tokens that must come next, the way a tokenizer would write them. The last token of forced bytes is left out: with
 * what follows, the tokenizer might have made another one of it.
 *
 * @param encode ids of bytes
 */
export function forcedTokens({ bytes, ids }: Forced, encode: (bytes: Uint8Array) => ArrayLike<number>): number[] {
  if (ids.length > 0) return [...ids]
  if (bytes.length < 2) return []
  return Array.from(encode(bytes)).slice(0, -1)
}
