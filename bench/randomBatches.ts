// Batches of random tokens: what a step costs does not depend on the text.
import type { Batch, BatchSource } from '../src/train/index.ts'
import { uniform } from './arrays.ts'

/** Full rows of one document each; the target of a row is the next row's token. */
export function randomBatches(vocabSize: number, batch: number, time: number, seed = 1): BatchSource {
  const random = uniform(seed)
  const rows = batch * time
  return {
    next(): Batch {
      const tokens = Int32Array.from({ length: rows + 1 }, () => Math.floor(((random() + 1) / 2) * vocabSize))
      return {
        ids: tokens.slice(0, rows),
        targets: tokens.slice(1),
        segmentStart: new Int32Array(rows),
        positions: Int32Array.from({ length: rows }, (_, row) => row % time),
        numBytes: rows,
      }
    },
    state: () => null,
    restore: () => {},
  }
}
