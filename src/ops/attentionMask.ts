// Which keys each row sees, as a range: the mask of attention in two numbers a row.
import { empty, type Tensor } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectCount } from './check.ts'

/** First and last key that a row sees, both included, as row numbers inside its sequence: i32 [R] each. */
export interface AttentionMask {
  first: Tensor
  last: Tensor
}

export interface AttentionMaskOptions {
  batch: number
  time: number
  /** A row sees this many keys back, its own included. Default: all. */
  window?: number
  /** [R]: row inside the sequence where the row's document starts; non-decreasing. Default 0. */
  segmentStart?: Int32Array
  /**
   * [R]: last row inside the sequence of the block that the row belongs to (an image), whose rows see each other
   * both ways, as far as the window reaches; -1 or the row itself where there is none.
   */
  blockEnd?: Int32Array
}

/**
 * Causal, (row or same block) and |distance| < window and same document.
 *
 * @returns ranges that do not decrease within a sequence, as the kernels need
 */
export function attentionMask(options: AttentionMaskOptions): AttentionMask {
  const { batch, time, window = Infinity, segmentStart, blockEnd } = options
  expectCount('attentionMask', 'batch', batch, 0)
  expectCount('attentionMask', 'time', time, 0)
  if (!(window >= 1)) throw new ShapeError('attentionMask', 'window must be at least 1', window)
  const R = batch * time
  expectRows('segmentStart', segmentStart, R)
  expectRows('blockEnd', blockEnd, R)
  const mask = { first: empty([R], { dtype: 'i32' }), last: empty([R], { dtype: 'i32' }) }
  const [first, last] = [mask.first.ints, mask.last.ints]
  for (let r = 0; r < R; r++) {
    const i = r % time
    first[r] = Math.max(segmentStart?.[r] ?? 0, i - window + 1, 0)
    last[r] = Math.min(Math.max(i, blockEnd?.[r] ?? i), i + window - 1, time - 1)
    if (i > 0 && (first[r] < first[r - 1] || last[r] < last[r - 1])) {
      throw new ShapeError(
        'attentionMask',
        `ranges must not decrease within a sequence (row ${i})`,
        `[${first[r]}, ${last[r]}]`,
      )
    }
  }
  return mask
}

function expectRows(name: string, rows: Int32Array | undefined, R: number): void {
  if (rows && rows.length !== R) {
    throw new ShapeError('attentionMask', `${name} must have batch*time = ${R} entries`, rows.length)
  }
}
