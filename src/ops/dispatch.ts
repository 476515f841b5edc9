// The plan that brings rows to their experts and back.
//
// Each of the R rows goes to K experts: S = R*K pairs, numbered row*K + slot. Sorted by expert (stable), the
// pairs of an expert are neighbours, so a grouped product runs over any number of them, none is dropped, and
// nothing is padded. Gale et al. 2022 (MegaBlocks, 2211.15841). Pairs that are not taken (a full expert, an empty slot) stand
// behind all others, where no group reaches: nothing is computed for them, and what an op writes there is 0.
import { kernels } from '../native/index.ts'
import { empty, type Tensor } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectCount, expectDtype, expectShape } from './check.ts'

export interface DispatchPlan {
  /** Rows R, experts a row K, experts E. */
  rows: number
  topK: number
  experts: number
  /** Sorted rows that belong to an expert; S but where pairs are not taken. */
  taken: number
  /** i32 [E+1]: sorted rows offsets[e] .. offsets[e+1] belong to expert e. */
  offsets: Tensor
  /** i32 [S]: sorted row -> pair. */
  pairOfRow: Tensor
  /** i32 [S]: pair -> sorted row. */
  rowOfPair: Tensor
  /** i32 [S]: sorted row -> row. */
  tokenOfRow: Tensor
}

/**
 * @param indices i32 [R, K], each in [0, experts)
 * @param taken [S]: 0 where a pair is left out. Default: none is
 */
export function dispatchPlan(indices: Tensor, experts: number, taken: Uint8Array | null = null): DispatchPlan {
  expectDtype('dispatchPlan', 'indices', indices, ['i32'])
  const [rows, topK] = expectShape('dispatchPlan', 'indices', indices, ['R', 'K'])
  expectCount('dispatchPlan', 'experts', experts)
  for (const e of indices.ints) {
    if (e < 0 || e >= experts) throw new ShapeError('dispatchPlan', `indices must be in [0, ${experts})`, String(e))
  }
  const ints = (size: number): Tensor => empty([size], { dtype: 'i32' })
  const S = rows * topK
  if (taken && taken.length !== S) throw new ShapeError('dispatchPlan', `taken must have ${S} entries`, taken.length)
  const plan = {
    rows,
    topK,
    experts,
    taken: S,
    offsets: ints(experts + 1),
    pairOfRow: ints(S),
    rowOfPair: ints(S),
    tokenOfRow: ints(S),
  }
  if (taken) return partialPlan(plan, indices.ints, taken)
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

/** Fills a plan with the taken pairs by expert, then the others. */
function partialPlan(plan: DispatchPlan, indices: Int32Array, taken: Uint8Array): DispatchPlan {
  const { experts, topK } = plan
  const [offsets, pairOfRow] = [plan.offsets.ints, plan.pairOfRow.ints]
  offsets.fill(0)
  indices.forEach((e, pair) => {
    if (taken[pair]) offsets[e + 1]++
  })
  for (let e = 0; e < experts; e++) offsets[e + 1] += offsets[e]
  const next = offsets.slice()
  // the group behind the last expert's
  let rest = offsets[experts]
  indices.forEach((e, pair) => {
    const row = taken[pair] ? next[e]++ : rest++
    pairOfRow[row] = pair
    plan.rowOfPair.ints[pair] = row
    plan.tokenOfRow.ints[row] = Math.floor(pair / topK)
  })
  return { ...plan, taken: offsets[experts] }
}
