// Packing of documents with media: whole documents side by side in rows of fixed length.
//
// Spans of media are never cut, so documents are not streamed and chopped as text is (packing.ts): each row takes
// documents while they fit, first the one waiting longest, then the next that fits among a few that wait (first fit;
// what stays empty is padding without target). Attention stops at the start of a document, positions count from there.
// Placeholders = features holds here by construction and is checked again where the model puts them in.
import type { Batch } from './packing.ts'
import { emptyBatch } from './packing.ts'
import { dataError } from './errors.ts'
import type { EncodedDocument } from './mediaEncoding.ts'

/** Rows of a batch whose embedding comes from media, in increasing order, with their features. */
export interface MediaRows {
  /** rows [N], features [N, F]. */
  rows: Int32Array
  features: Float32Array
}
export interface PictureRows extends MediaRows {
  /** [N, 2]: x, y of the patch in its picture. */
  positions: Int32Array
}

/** A batch whose documents hold media; arrays as in Batch. */
export interface MediaBatch extends Batch {
  /** Last row, inside the sequence, of the image block that a row belongs to; its own row elsewhere. */
  blockEnd: Int32Array
  pictures?: PictureRows
  sounds?: MediaRows
}

/** Places documents in a batch; `numBytes` counts the targets (codes stand for no text). */
export class MediaBatchWriter {
  readonly #time: number
  readonly #padId: number
  readonly #slots: EncodedDocument[][]
  readonly #free: number[]

  constructor({ batch, time, padId }: { batch: number; time: number; padId: number }) {
    this.#time = time
    this.#padId = padId
    this.#slots = Array.from({ length: batch }, () => [])
    this.#free = Array.from({ length: batch }, () => time)
  }

  /** Puts a document into the fullest row that still has room for it; false when none has. */
  add(document: EncodedDocument): boolean {
    const n = document.ids.length
    let best = -1
    for (const [slot, free] of this.#free.entries()) {
      if (free >= n && (best < 0 || free < this.#free[best])) best = slot
    }
    if (best < 0) return false
    this.#slots[best].push(document)
    this.#free[best] -= n
    return true
  }

  /** Tokens that are still empty. */
  get free(): number {
    return this.#free.reduce((sum, free) => sum + free, 0)
  }

  finish(): MediaBatch {
    const time = this.#time
    const batch: MediaBatch = {
      ...emptyBatch(this.#slots.length, time),
      blockEnd: Int32Array.from({ length: this.#slots.length * time }, (_, row) => row % time),
    }
    batch.ids.fill(this.#padId)
    const pictures = new FeatureRows()
    const sounds = new FeatureRows()
    for (const [slot, documents] of this.#slots.entries()) {
      let at = 0
      for (const document of documents) {
        placeDocument(batch, document, { base: slot * time, at })
        const base = slot * time + at
        for (const { start, count, features, positions } of document.pictures) {
          pictures.add(base + start, count, features, positions)
        }
        for (const { start, count, features } of document.sounds) sounds.add(base + start, count, features)
        at += document.ids.length
      }
      // padding is a segment of its own, so that it is no part of the last document
      for (let t = at; t < time; t++) {
        batch.segmentStart[slot * time + t] = at
        batch.positions[slot * time + t] = t - at
        ;(batch.padding ??= new Uint8Array(batch.ids.length))[slot * time + t] = 1
      }
    }
    if (pictures.rows.length > 0)
      batch.pictures = { ...pictures.join(), positions: Int32Array.from(pictures.positions) }
    if (sounds.rows.length > 0) batch.sounds = sounds.join()
    return batch
  }
}

function placeDocument(batch: MediaBatch, document: EncodedDocument, { base, at }: { base: number; at: number }): void {
  const { ids, counted, blockEnd } = document
  for (let i = 0; i < ids.length; i++) {
    const row = base + at + i
    batch.ids[row] = ids[i]
    batch.segmentStart[row] = at
    batch.positions[row] = i
    batch.blockEnd[row] = at + blockEnd[i]
    if (i + 1 < ids.length && counted[i + 1] === 1) {
      batch.targets[row] = ids[i + 1]
      batch.numBytes++
    }
  }
}

class FeatureRows {
  readonly rows: number[] = []
  readonly positions: number[] = []
  readonly #features: Float32Array[] = []

  add(start: number, count: number, features: Float32Array, positions?: Int32Array): void {
    if (features.length % count !== 0)
      throw dataError(`features must be whole rows of ${count}, got ${features.length}`)
    for (let i = 0; i < count; i++) this.rows.push(start + i)
    if (positions) for (const value of positions) this.positions.push(value)
    this.#features.push(features)
  }

  join(): MediaRows {
    const features = new Float32Array(this.#features.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const part of this.#features) {
      features.set(part, at)
      at += part.length
    }
    return { rows: Int32Array.from(this.rows), features }
  }
}
