// One pass of the model over rows of several sequences, and what is wanted of it.
import type { Model } from '../../model/index.ts'
import { takeRows } from '../../ops/index.ts'
import { memoryScope, type Tensor } from '../../tensor/index.ts'
import { raggedInput } from '../raggedPass.ts'
import type { Prompt } from '../prompt.ts'
import { type ExpertRows, expertRows } from './expertTrace.ts'
import type { Sequence } from './sequence.ts'

/** What a pass does for one sequence. */
export interface PlannedPart {
  sequence: Sequence
  rows: Prompt
  /** Of how many of its last rows logits (or hidden states) are wanted. */
  wanted: number
  /** Of its last rows, how many are guesses. */
  guessed: number
}

/** What came of it: pulled while the pass's memory lasts. */
export interface PartOutput {
  part: PlannedPart
  /** Logits [count, V] of its wanted rows `from` on. */
  logits(from: number, count: number): Float32Array
  /** Hidden states [wanted, D]. */
  hidden(): Float32Array
  /** Who read `count` of its wanted rows, `from` on. */
  experts(from: number, count: number): ExpertRows
}

/** Rows of logits that are computed at once where many are wanted. */
export const logitRows = 64

/**
 * Computes all parts in one pass and hands what is wanted to `take`, in order.
 *
 * @param onLoads is told how many rows each expert met, [layers with experts][experts]
 */
export function runPass(
  model: Model,
  parts: readonly PlannedPart[],
  compute: 'bf16' | 'f32',
  { take, onLoads }: { take: (output: PartOutput) => void; onLoads: (loads: Int32Array[]) => void },
): void {
  using _scope = memoryScope()
  const wantedRows: number[] = []
  let row = 0
  for (const { rows, wanted } of parts) {
    row += rows.ids.length
    for (let i = row - wanted; i < row; i++) wantedRows.push(i)
  }
  const passParts = parts.map(({ sequence, rows }) => ({ cache: sequence.cache!, rows }))
  const { hidden, routings } = model.forward(raggedInput(passParts, Int32Array.from(wantedRows)), { compute })
  onLoads(routings.map(({ counts }) => counts))
  const vocab = model.textConfig.vocab_size
  // the last row of every part at once: weights of the head are read once
  const lasts = lastRows(parts)
  const lastLogits = lasts.length > 0 ? model.logits(chosenRows(hidden, lasts)) : new Float32Array(0)
  let start = 0
  let at = 0
  for (const part of parts) {
    const first = start
    const few = part.wanted > 0 && part.wanted <= logitRows && part.sequence.kind === 'write'
    const offset = at
    take({
      part,
      logits: (from, count) =>
        few
          ? lastLogits.subarray((offset + from) * vocab, (offset + from + count) * vocab)
          : logitsOf(model, hidden, first + from, count),
      hidden: () => chosenRows(hidden, range(first, part.wanted)).toFloat32(),
      experts: (from, count) =>
        expertRows(routings, { row: wantedRows[first + from], wantedRow: first + from, count, passRows: row }),
    })
    start += part.wanted
    if (few) at += part.wanted
  }
}

/** Wanted rows of the parts that want few, which share one product with the head. */
function lastRows(parts: readonly PlannedPart[]): Int32Array {
  const rows: number[] = []
  let start = 0
  for (const { wanted, sequence } of parts) {
    if (wanted <= logitRows && sequence.kind === 'write') for (let i = 0; i < wanted; i++) rows.push(start + i)
    start += wanted
  }
  return Int32Array.from(rows)
}

function logitsOf(model: Model, hidden: Tensor, from: number, count: number): Float32Array {
  using _scope = memoryScope()
  return model.logits(takeRows(hidden, range(from, count)))
}

function chosenRows(hidden: Tensor, rows: Int32Array): Tensor {
  return rows.length === hidden.shape[0] ? hidden : takeRows(hidden, rows)
}

function range(from: number, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => from + i)
}
