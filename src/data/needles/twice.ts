// A text whose passages are read again, in another order and with a change here and there: copying over any distance.
//
//   <bos> text \n\n passage \n\n passage ...        passages of the text, long and short, some of their words changed
//
// All that is read again is predicted but the changed words and the first tokens of a passage, which nothing tells. Looking
// back for the same words and going on as they did is what needles need (induction, Olsson et al. 2022), and what
// finding a changed sentence needs; here it is learnt at full density. Passages lie at random distances: copying a
// text from a fixed distance is learnt by position alone, and is of no use.
import { Rng } from '../../util/index.ts'
import { hashIntegers } from '../permutation.ts'
import type { LongDocument, NeedleDocumentOptions } from './document.ts'
import type { Filler } from './filler.ts'

/** One token in this many is changed. */
const changedOf = 64
/** Tokens of a passage before what follows can be known. */
const lead = 3
/** Shortest passage. */
const shortest = 16

/** A training document of exactly `length` tokens. */
export function twiceDocument(
  { filler, bosId, separator }: { filler: Filler; bosId: number; separator: Int32Array },
  { seed, index, length }: NeedleDocumentOptions,
): LongDocument {
  const rng = new Rng(hashIntegers(seed, 103, index, length))
  const text = filler(rng, Math.floor((length - 1) * (0.3 + 0.3 * rng.uniform())))
  const ids = new Int32Array(length)
  const counted = new Uint8Array(length)
  ids[0] = bosId
  ids.set(text, 1)
  let at = 1 + text.length
  while (at < length && text.length > 0) {
    for (let i = 0; i < separator.length && at < length; i++) ids[at++] = separator[i]
    const most = text.length
    // short passages as often as long ones
    const wanted = Math.min(most, Math.round(shortest * (most / shortest) ** rng.uniform()))
    const from = rng.integer(most - wanted + 1)
    for (let i = 0; i < wanted && at < length; i++, at++) {
      const changed = rng.integer(changedOf) === 0
      // a token of the same text, so that changes are of words that could stand there
      ids[at] = changed ? text[rng.integer(most)] : text[from + i]
      counted[at] = changed || i < lead ? 0 : 1
    }
  }
  return { ids, counted }
}
