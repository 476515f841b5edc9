// What the model reads: packed sequences of ids, or rows that go on behind a past. Checked here, once, for all that follows.
import type { LayerMemory } from '../nn/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { PolluxError } from '../util/index.ts'
import type { ModelConfig } from './config.ts'

/** Packed sequences; every array has batch*time entries. */
export interface DecoderInput {
  ids: Int32Array
  batch: number
  time: number
  /** Row inside the sequence where this row's document starts. Default 0: one document a sequence. */
  segmentStart?: Int32Array
  /** Place of each row in its document. Default: its place in the sequence. */
  positions?: Int32Array
  /**
   * Last row, inside the sequence, of the image block that a row belongs to: such rows see each other both ways in
   * sliding layers, if use_bidirectional_attention is 'vision'.
   */
  blockEnd?: Int32Array
  /** 1 where a row is padding, which routers do not count. Default: none is. */
  padding?: Uint8Array
  /** Soft tokens: rows whose embedding is replaced, unscaled, by values [N, D] (pictures, sound). Rows increase. */
  soft?: { rows: Int32Array; values: Tensor }[]
  /**
   * What earlier passes left of each sequence: this one goes on behind it and adds its rows. Image blocks must lie inside
   * the pass; segmentStart and positions must be left out.
   */
  past?: Past
  /**
   * With a past: the rows whose hidden states are wanted, rising, as many of each sequence. All rows leave their keys and
   * values, but from the last layer that has its own on, nothing else is computed of the others. Default all.
   */
  outputRows?: Int32Array
}

/** A key-value cache for every sequence of a batch (src/inference/cache.ts). */
export interface Past {
  /** Tokens of each sequence so far. */
  readonly lengths: readonly number[]
  /** Each row of the pass is a sequence of its own to the model, and outputRows may be any: this past knows better. */
  readonly ragged?: boolean
  /** Makes room for `time` more tokens of each. Until `commit`, nothing has happened. */
  open(
    time: number,
    blockEnd?: Int32Array,
  ): {
    /** The memory of a layer that has keys and values of its own, for queries of all rows or of `rows`. */
    layer(layer: number, rows?: Int32Array): LayerMemory
    /** The rows count as past from now on. */
    commit(): void
  }
}

/** @throws unless an input fits a model of this config */
export function checkInput(input: DecoderInput, config: ModelConfig): void {
  const { ids, batch, time, past, segmentStart, positions, blockEnd, outputRows } = input
  if (ids.length !== batch * time) {
    throw new Error(`decoder: ids must have batch*time = ${batch}*${time} entries, got ${ids.length}`)
  }
  const limit = config.max_position_embeddings
  if (time > limit) {
    throw new Error(`decoder: time must be at most max_position_embeddings (${limit}), got ${time}`)
  }
  if (outputRows) checkOutputRows(outputRows, { batch, time, past })
  if (past) {
    if (past.lengths.length !== batch) {
      throw new PolluxError(`decoder: past must be of batch = ${batch} sequences, got ${past.lengths.length}`)
    }
    if (segmentStart || positions) {
      throw new PolluxError('decoder: segmentStart and positions must be left out with a past, got one')
    }
    const longest = Math.max(...past.lengths)
    if (longest + time > limit) {
      throw new PolluxError(
        `decoder: context must be at most ${limit} tokens (max_position_embeddings), got ${longest} and ${time} to come`,
      )
    }
    const cut = blockEnd?.find((end) => end >= time)
    if (cut !== undefined) {
      throw new PolluxError(`decoder: image blocks must end inside the pass of ${time} rows, got one to row ${cut}`)
    }
  }
  for (const id of ids) {
    if (id < 0 || id >= config.vocab_size) {
      throw new Error(`decoder: token ids must be in [0, ${config.vocab_size}), got ${id}`)
    }
  }
}

function checkOutputRows(rows: Int32Array, { batch, time, past }: Pick<DecoderInput, 'batch' | 'time' | 'past'>): void {
  if (!past) throw new PolluxError('decoder: outputRows must come with a past, got none')
  const counts = new Array<number>(batch).fill(0)
  rows.forEach((row, i) => {
    if (row < 0 || row >= batch * time || (i > 0 && row <= rows[i - 1])) {
      throw new PolluxError(`decoder: outputRows must rise within [0, ${batch * time}), got ${row} at ${i}`)
    }
    counts[Math.floor(row / time)]++
  })
  if (!past.ragged && counts.some((count) => count !== counts[0])) {
    throw new PolluxError(`decoder: outputRows must be as many of each sequence, got ${counts.join(', ')}`)
  }
}
