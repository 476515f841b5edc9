// Packing: cuts a token stream into rows of fixed length, several documents in one if they are short.
//
// The stream is cut every `time` tokens: no token is dropped and none is padding but at the two ends.
// Attention stops at the start of a document (segmentStart), positions count from there, and the last token
// of a document predicts nothing (target -1), so short documents never see each other. A long document goes
// on in the next sequence as a segment of its own. Four tokens a row, documents `abc` and `defgh`:
//
//   ids           < a b c   > < d e   f g h >       (< opens a document, > closes it)
//   targets       a b c >   - d e f   g h > -
//   segmentStart  0 0 0 0   0 1 1 1   0 0 0 0
//   positions     0 1 2 3   0 0 1 2   0 1 2 3
//
// Every token of the stream but the openers is the target of exactly one row.
import type { TokenStream } from './tokenStream.ts'

/** One batch of packed sequences; arrays hold B*T entries, row-major. */
export interface Batch {
  ids: Int32Array
  /** Token to predict at each row; -1: none. */
  targets: Int32Array
  /** Row inside the sequence where this row's document starts. */
  segmentStart: Int32Array
  /** Position of the row inside its segment: row - segmentStart. */
  positions: Int32Array
  /** 1 where a row is padding; left out where none is. */
  padding?: Uint8Array
  /** UTF-8 bytes of text that the targets stand for. */
  numBytes: number
}

/** Sequences that a stream is cut into when the first one begins `offset` tokens before the stream. */
export function countSequences(stream: TokenStream, { time, offset }: { time: number; offset: number }): number {
  return Math.ceil((stream.tokens.length + offset) / time)
}

export function emptyBatch(batch: number, time: number): Batch {
  const rows = batch * time
  return {
    ids: new Int32Array(rows),
    targets: new Int32Array(rows).fill(-1),
    segmentStart: new Int32Array(rows),
    positions: new Int32Array(rows),
    numBytes: 0,
  }
}

/**
 * Writes one sequence into a batch.
 *
 * @param slot sequence of the batch to fill, 0 to B-1
 * @param from place in the stream of its first row; may lie before the stream or run past its end
 */
export function packSequence(
  batch: Batch,
  stream: TokenStream,
  { slot, from, time }: { slot: number; from: number; time: number },
): void {
  const { tokens, starts, bytesOfToken, bosId } = stream
  const base = slot * time
  let document = documentAt(starts, from)
  let segment = 0
  for (let t = 0; t < time; t++) {
    const at = from + t
    if (document + 1 < starts.length && at >= starts[document + 1]) {
      document++
      segment = t
    }
    const isText = at >= 0 && at < tokens.length
    batch.ids[base + t] = isText ? tokens[at] : bosId
    batch.segmentStart[base + t] = segment
    batch.positions[base + t] = t - segment
    if (!isText) (batch.padding ??= new Uint8Array(batch.ids.length))[base + t] = 1
    if (!isText || at + 1 >= starts[document + 1]) continue
    const target = tokens[at + 1]
    batch.targets[base + t] = target
    batch.numBytes += bytesOfToken[target]
  }
}

/** Document that a place belongs to: the last that starts at or before it; -1 before the stream. */
function documentAt(starts: Int32Array, place: number): number {
  let low = -1
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle] <= place) low = middle
    else high = middle - 1
  }
  return low
}
