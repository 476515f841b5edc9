// The plan that brings rows to their experts and back.
//
// Each of the R rows goes to K experts: S = R*K pairs, numbered row*K + slot. Sorted by expert (stable), the
// pairs of an expert are neighbours, so a grouped product runs over any number of them, none is dropped, and
// nothing is padded. Gale et al. 2022 (MegaBlocks, 2211.15841).
import { kernels } from '../native/index.ts'
import { empty, type Tensor } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectCount, expectDtype, expectShape } from './check.ts'

export interface DispatchPlan {
  /** Rows R, experts a row K, experts E. */
  rows: number
  topK: number
  experts: number
  /** i32 [E+1]: sorted rows offsets[e] .. offsets[e+1] belong to expert e. */
  offsets: Tensor
  /** i32 [S]: sorted row -> pair. */
  pairOfRow: Tensor
  /** i32 [S]: pair -> sorted row. */
  rowOfPair: Tensor
  /** i32 [S]: sorted row -> row. */
  tokenOfRow: Tensor
}

/** @param indices i32 [R, K], each in [0, experts) */
export function dispatchPlan(indices: Tensor, experts: number): DispatchPlan {
  expectDtype('dispatchPlan', 'indices', indices, ['i32'])
  const [rows, topK] = expectShape('dispatchPlan', 'indices', indices, ['R', 'K'])
  expectCount('dispatchPlan', 'experts', experts)
  for (const e of indices.ints) {
    if (e < 0 || e >= experts) throw new ShapeError('dispatchPlan', `indices must be in [0, ${experts})`, String(e))
  }
  const ints = (size: number): Tensor => empty([size], { dtype: 'i32' })
  const S = rows * topK
  const plan = {
    rows,
    topK,
    experts,
    offsets: ints(experts + 1),
    pairOfRow: ints(S),
    rowOfPair: ints(S),
    tokenOfRow: ints(S),
  }
  kernels.dispatchPlan(
    indices.ints,
    plan.offsets.ints,
    plan.pairOfRow.ints,
    plan.rowOfPair.ints,
    plan.tokenOfRow.ints,
    rows,
    topK,
    experts,
  )
  return plan
}
