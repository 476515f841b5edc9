// The loader: batches of packed sequences in a shuffled order that can be resumed anywhere.
//
// The order is a pure function of (seed, epoch, index): which sequence comes next is computed by a keyed
// permutation, and each epoch cuts the stream at another offset, so that a document is not broken at the
// same places every time. The whole state is three numbers and a fingerprint of the corpus.
import { dataError } from './errors.ts'
import { countSequences, emptyBatch, packSequence } from './packing.ts'
import type { Batch } from './packing.ts'
import { hashIntegers, permute } from './permutation.ts'
import type { TokenStream } from './tokenStream.ts'

export interface LoaderOptions {
  /** Sequences a batch, and tokens a sequence. */
  batch: number
  time: number
  /** Default 0. */
  seed?: number
  /** The same batches in every epoch, for validation. Default false. */
  fixed?: boolean
}

/** Place in the stream of batches; JSON-serialisable. */
export interface LoaderState {
  seed: number
  /** Epochs gone by, and sequences served in this one. */
  epoch: number
  index: number
  time: number
  /** Of the corpus and its tokenizer. */
  fingerprint: string
}

export class Loader {
  readonly #stream: TokenStream
  readonly #batch: number
  readonly #time: number
  readonly #fixed: boolean
  #seed: number
  #epoch = 0
  #index = 0

  /** @throws PolluxError when the stream is empty */
  constructor(stream: TokenStream, { batch, time, seed = 0, fixed = false }: LoaderOptions) {
    if (!(Number.isInteger(batch) && batch > 0 && Number.isInteger(time) && time > 0)) {
      throw dataError(`batch and time must be whole numbers over 0, got ${batch} and ${time}`)
    }
    if (stream.tokens.length < 2) {
      throw dataError(`a stream must hold two tokens at least, got ${stream.tokens.length}`, 'give more text')
    }
    this.#stream = stream
    this.#batch = batch
    this.#time = time
    this.#seed = seed
    this.#fixed = fixed
  }

  /** Batches until every sequence has come once; the last one may reach into the next epoch. */
  get batchesPerEpoch(): number {
    return Math.ceil(this.#sequences / this.#batch)
  }

  /** The next batch, in arrays of its own; it never ends. */
  next(): Batch {
    const batch = emptyBatch(this.#batch, this.#time)
    for (let slot = 0; slot < this.#batch; slot++) {
      if (this.#index >= this.#sequences) {
        this.#epoch++
        this.#index = 0
      }
      const sequence = permute(this.#index++, this.#sequences, this.#key(1))
      packSequence(batch, this.#stream, { slot, from: sequence * this.#time - this.#offset, time: this.#time })
    }
    return batch
  }

  state(): LoaderState {
    const { fingerprint } = this.#stream
    return { seed: this.#seed, epoch: this.#epoch, index: this.#index, time: this.#time, fingerprint }
  }

  /**
   * Goes to a saved place: the batches that follow are the ones that followed there.
   *
   * @throws PolluxError when the state belongs to another corpus, tokenizer or sequence length
   */
  restore(state: unknown): void {
    const { seed, epoch, index, time, fingerprint } = checkState(state)
    if (fingerprint !== this.#stream.fingerprint) {
      throw dataError(
        `resume must find the corpus it left, got other text or another tokenizer (${this.#stream.fingerprint}, not ${fingerprint})`,
        'the same files must be there as when the run began: the same --data, or the same node_modules (npm ci)',
      )
    }
    if (time !== this.#time) throw dataError(`resume must keep the sequence length ${time}, got ${this.#time}`)
    this.#seed = seed
    this.#epoch = epoch
    this.#index = index
  }

  #key(purpose: number): number {
    return hashIntegers(this.#seed, this.#fixed ? 0 : this.#epoch, purpose)
  }

  get #offset(): number {
    return this.#fixed ? 0 : this.#key(2) % this.#time
  }

  get #sequences(): number {
    return countSequences(this.#stream, { time: this.#time, offset: this.#offset })
  }
}

function checkState(state: unknown): LoaderState {
  const { seed, epoch, index, time, fingerprint } = (state ?? {}) as Partial<Record<keyof LoaderState, unknown>>
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
  if (
    isCount(epoch) &&
    isCount(index) &&
    isCount(time) &&
    Number.isSafeInteger(seed) &&
    typeof fingerprint === 'string'
  ) {
    return { seed: seed as number, epoch, index, time, fingerprint }
  }
  throw dataError(`a loader state must hold seed, epoch, index, time and fingerprint, got ${JSON.stringify(state)}`)
}
