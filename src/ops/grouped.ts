// What experts compute: one linear map per expert over the rows that chose it, and the weighted sum afterwards.
//
//   groupedLinear  y[s] = W_e x[s]                    for the sorted rows s of expert e
//   combine        out[r] = sum_j weights[r, j] y[row of pair (r, j)]
//
// Sorted rows behind the last expert's are of pairs that nobody takes: 0, and so are their gradients.
//
// With `gather`, rows are read through the plan while the product packs them: no sorted copy of x is made.
// Shapes: R rows, K experts a row, S = R*K sorted rows, E experts, I in, N out, D width.
import { type Compute, kernels, type NumberArray } from '../native/index.ts'
import {
  addGradient,
  type Dtype,
  empty,
  gradientOf,
  gradientTarget,
  isRecording,
  type Parameter,
  record,
  type Tensor,
} from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectDtype, expectNumbers, expectShape, output } from './check.ts'
import type { DispatchPlan } from './dispatch.ts'
import { quantisedProduct } from './quantised.ts'

export interface GroupedLinearOptions {
  /** x is [R, I] and read through the plan; else x is [S, I], sorted. */
  gather: boolean
  /** Default the dtype of x. */
  outDtype?: Dtype
  compute?: Compute
}

/**
 * @param x f32 or bf16 [R, I] (gather) or [S, I]
 * @param w [E, N, I]
 * @returns [S, N], rows sorted by expert
 */
export function groupedLinear(x: Tensor, w: Parameter, plan: DispatchPlan, options: GroupedLinearOptions): Tensor {
  const op = 'groupedLinear'
  const { outDtype = expectNumbers(op, 'x', x), compute = expectNumbers(op, 'x', x), gather } = options
  const [E, N, I] = expectShape(op, `w (${w.name})`, w, ['E', 'N', 'I'])
  if (E !== plan.experts) throw new ShapeError(op, `w (${w.name}) must have the plan's ${plan.experts} experts`, w)
  const S = plan.rows * plan.topK
  expectShape(op, 'x', x, [gather ? plan.rows : S, I])
  const y = output(op, [S, N], outDtype)
  const index = gather ? plan.tokenOfRow : null
  if (w.quantised) {
    quantisedProduct(op, x, w, y, { rows: S, n: N, k: I, index: index?.ints, offsets: plan.offsets.ints, groups: E })
    clearRest(y.numbers, plan)
    return y
  }
  // prettier-ignore
  kernels.groupedGemm(
    x.numbers, index?.ints ?? null, null, w.packed('forward', compute), y.numbers, null, plan.offsets.ints, E, N, I,
    true, false, compute,
  )
  clearRest(y.numbers, plan)
  if (!isRecording(x, w)) return y
  record({
    op,
    outputs: [y],
    backward: () => {
      const dy = gradientOf(y)
      if (x.requiresGrad) addInputGradient({ dy, x, w, plan, gather, compute })
      if (!w.requiresGrad) return
      const { data: dw, accumulate } = w.gradientTarget()
      // prettier-ignore
      kernels.groupedOuter(
        dy.numbers, null, x.numbers, index?.ints ?? null, dw, plan.offsets.ints, E, N, I, accumulate, compute,
      )
    },
  })
  return y
}

/** Zeros in the sorted rows that belong to no expert, which no product writes. */
function clearRest(sorted: NumberArray, { rows, topK, taken }: DispatchPlan): void {
  const pairs = rows * topK
  if (taken < pairs) sorted.fill(0, taken * (sorted.length / pairs))
}

/** dx = dy W_e for each sorted row; with gather, summed over the K sorted rows of each row. */
function addInputGradient(call: {
  dy: Tensor
  x: Tensor
  w: Parameter
  plan: DispatchPlan
  gather: boolean
  compute: Compute
}): void {
  const { dy, x, w, plan, gather, compute } = call
  const [E, N, I] = w.shape
  const sorted = gather ? empty([dy.shape[0], I], { dtype: x.dtype }) : null
  const { data, accumulate } = sorted ? { data: sorted.numbers, accumulate: false } : gradientTarget(x)
  // prettier-ignore
  kernels.groupedGemm(
    dy.numbers, null, null, w.packed('backward', compute), data, null, plan.offsets.ints, E, I, N, false, accumulate,
    compute,
  )
  if (!accumulate) clearRest(data, plan)
  if (!sorted) return
  const dx = empty(x.shape, { dtype: x.dtype })
  kernels.combineForward(sorted.numbers, null, plan.rowOfPair.ints, dx.numbers, plan.rows, plan.topK, I)
  sorted.release()
  addGradient(x, dx)
}

/**
 * Weighted sum of what a row's experts said.
 *
 * @param y f32 or bf16 [S, D], sorted
 * @param weights f32 [R, K]
 * @param options.outDtype default the dtype of y
 * @returns [R, D]
 */
export function combine(y: Tensor, weights: Tensor, plan: DispatchPlan, options: { outDtype?: Dtype } = {}): Tensor {
  const { outDtype = expectNumbers('combine', 'y', y) } = options
  const { rows: R, topK: K } = plan
  const [, D] = expectShape('combine', 'y', y, [R * K, 'D'])
  expectDtype('combine', 'weights', weights, ['f32'])
  expectShape('combine', 'weights', weights, [R, K])
  const out = output('combine', [R, D], outDtype)
  kernels.combineForward(y.numbers, weights.floats, plan.rowOfPair.ints, out.numbers, R, K, D)
  if (!isRecording(y, weights)) return out
  record({
    op: 'combine',
    outputs: [out],
    backward: () => {
      const dy = empty(y.shape, { dtype: y.dtype })
      const dWeights = empty([R, K])
      // prettier-ignore
      kernels.combineBackward(
        gradientOf(out).numbers, y.numbers, weights.floats, plan.rowOfPair.ints, dy.numbers, dWeights.floats, R, K, D,
      )
      for (const [input, gradient] of [
        [y, dy],
        [weights, dWeights],
      ]) {
        if (input.requiresGrad) addGradient(input, gradient)
        else gradient.release()
      }
    },
  })
  return out
}
