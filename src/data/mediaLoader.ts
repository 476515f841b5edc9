// Batches of documents with media, in an order that can be resumed anywhere.
//
// A source gives document i of an endless order (the generated world; a set of files, shuffled anew each epoch). A batch
// takes documents in turn; those that find no room wait, by their number, for the next one. So the whole state is the next
// number and the few that wait.
import { dataError } from './errors.ts'
import type { EncodedDocument, MediaEncoder } from './mediaEncoding.ts'
import { type MediaBatch, MediaBatchWriter } from './mediaPacking.ts'
import type { MediaPart } from './mediaPart.ts'

/** An endless sequence of documents; document i is always the same. */
export interface MediaSource {
  /** Changes when any document does: a saved place belongs to one source. */
  readonly fingerprint: string
  /** Null: this one cannot be read (the source has noted why). */
  document(index: number): Promise<MediaPart[] | null> | MediaPart[] | null
}

export interface MediaLoaderOptions {
  batch: number
  time: number
  /** First document. Default 0. */
  from?: number
}

export interface MediaLoaderState {
  next: number
  waiting: number[]
  fingerprint: string
}

/** Documents that may wait for room at a time, and how many in a row may fail before the source is given up. */
const mostWaiting = 8
const mostFailures = 1000

interface Numbered {
  index: number
  document: EncodedDocument
}

export class MediaLoader {
  readonly #source: MediaSource
  readonly #encoder: MediaEncoder
  readonly #options: MediaLoaderOptions
  #next: number
  #waiting: Numbered[] = []

  constructor(source: MediaSource, encoder: MediaEncoder, options: MediaLoaderOptions) {
    this.#source = source
    this.#encoder = encoder
    this.#options = options
    this.#next = options.from ?? 0
  }

  async next(): Promise<MediaBatch> {
    const { batch, time } = this.#options
    const writer = new MediaBatchWriter({
      batch,
      time,
      padId: this.#encoder.options.tokenizer.padId ?? this.#encoder.bosId,
    })
    const waiting: Numbered[] = []
    for (const numbered of this.#waiting) if (!writer.add(numbered.document)) waiting.push(numbered)
    while (waiting.length < mostWaiting && writer.free > 0) {
      const numbered = await this.#take()
      if (!writer.add(numbered.document)) waiting.push(numbered)
    }
    this.#waiting = waiting
    return writer.finish()
  }

  state(): MediaLoaderState {
    return {
      next: this.#next,
      waiting: this.#waiting.map(({ index }) => index),
      fingerprint: this.#source.fingerprint,
    }
  }

  /** @throws PolluxError when the state belongs to another source */
  async restore(state: unknown): Promise<void> {
    const { next, waiting, fingerprint } = (state ?? {}) as Partial<MediaLoaderState>
    const isIndex = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
    if (!isIndex(next) || !Array.isArray(waiting) || !waiting.every(isIndex) || waiting.length > mostWaiting) {
      throw dataError(`a loader state must hold next, waiting and fingerprint, got ${JSON.stringify(state)}`)
    }
    if (fingerprint !== this.#source.fingerprint) {
      throw dataError(
        `resume must find the documents it left (${fingerprint}), got others (${this.#source.fingerprint})`,
      )
    }
    this.#next = next
    this.#waiting = []
    for (const index of waiting) {
      const document = await this.#encode(index)
      if (document) this.#waiting.push({ index, document })
    }
  }

  async #take(): Promise<Numbered> {
    for (let failures = 0; failures < mostFailures; failures++) {
      const index = this.#next++
      const document = await this.#encode(index)
      if (document) return { index, document }
    }
    throw dataError(`a source must hold documents that can be read, got ${mostFailures} in a row that cannot`)
  }

  async #encode(index: number): Promise<EncodedDocument | null> {
    const parts = await this.#source.document(index)
    if (parts === null) return null
    const document = await this.#encoder.encode(parts)
    const { time } = this.#options
    if (document.ids.length > time) {
      throw dataError(
        `a document must fit into a sequence of ${time} tokens, got ${document.ids.length}`,
        'raise --context, or lower the tokens of a picture or frame',
      )
    }
    return document
  }
}
