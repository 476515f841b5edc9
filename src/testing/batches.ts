// Batches for tests of models and training: random tokens that can be learnt, in the shape the loader gives.
import type { Batch, BatchSource } from '../train/index.ts'
import { Rng } from '../util/index.ts'

export interface BatchShape {
  batch: number
  time: number
  vocab: number
  /** Documents a sequence, of equal length. Default 1. */
  documents?: number
}

/** Random sequences in which each token follows from the one before, apart from 1 in 8; one byte a token. */
export function randomBatch(rng: Rng, { batch, time, vocab, documents = 1 }: BatchShape): Batch {
  const size = batch * time
  const ids = new Int32Array(size)
  const targets = new Int32Array(size)
  const segmentStart = new Int32Array(size)
  const positions = new Int32Array(size)
  const length = Math.ceil(time / documents)
  for (let row = 0; row < size; row++) {
    const place = row % time
    segmentStart[row] = place - (place % length)
    positions[row] = place % length
    const follows = positions[row] > 0 && rng.integer(8) > 0
    ids[row] = follows ? (ids[row - 1] * 7 + 3) % vocab : rng.integer(vocab)
    const isLast = place === time - 1 || (place + 1) % length === 0
    targets[row] = isLast ? -1 : 0
  }
  for (let row = 0; row < size; row++) if (targets[row] === 0) targets[row] = ids[row + 1]
  return { ids, targets, segmentStart, positions, numBytes: targets.filter((target) => target >= 0).length }
}

/** An endless stream of random batches; its state is its generator's. */
export function randomSource(seed: number, shape: BatchShape): BatchSource {
  const rng = new Rng(seed)
  return {
    next: () => randomBatch(rng, shape),
    state: () => rng.state(),
    restore: (state) => rng.restore(state as ReturnType<Rng['state']>),
  }
}

/** The same batches over and over. */
export function repeatedSource(batches: Batch[]): BatchSource {
  let at = 0
  return {
    next: () => batches[at++ % batches.length],
    state: () => at,
    restore: (state) => {
      at = state as number
    },
  }
}
