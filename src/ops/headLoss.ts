// The output head and its loss in one: logits = cap tanh(x E^T / cap), cross-entropy against the next token.
//
// The logits of a batch (R x V) are never in memory: the kernel makes a block of them, uses it and forgets it.
// Where gradients are wanted it computes them in the same pass, so logits are made once; they wait in memory of
// the tape (dx, and a table-sized dE) until backward adds them, times the gradient that arrives there.
// Shapes: R rows, D width, V vocabulary.
import { type Compute, kernels } from '../native/index.ts'
import {
  addGradient,
  empty,
  gradientOf,
  isRecording,
  type Parameter,
  record,
  type Tensor,
  zeros,
} from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectDtype, expectNumbers, expectShape } from './check.ts'

export interface HeadLossOptions {
  /** Cap of the logits. Default 0: none. */
  softcap?: number
  /** Adds z * mean lse(logits)^2 to what is differentiated, not to the value of the loss. Default 0. */
  zCoefficient?: number
  /** Default the dtype of x. */
  compute?: Compute
}

export interface HeadLoss {
  /** Scalar f32: mean over the rows with a target, nats; 0 without any. */
  loss: Tensor
  /** [R] nats of each row, 0 where there is no target; in ordinary memory. */
  rowLoss: Float32Array
}

/**
 * @param x f32 or bf16 [R, D]
 * @param table [V, D]
 * @param targets i32 [R], each in [0, V), or -1: no loss at this row
 */
export function headCrossEntropy(
  x: Tensor,
  table: Parameter,
  targets: Tensor,
  options: HeadLossOptions = {},
): HeadLoss {
  const { softcap = 0, zCoefficient = 0, compute = expectNumbers('headCrossEntropy', 'x', x) } = options
  const counted = check(x, table, targets)
  const [R, D] = x.shape
  const V = table.shape[0]
  const rowLoss = new Float32Array(R)
  const recording = isRecording(x, table)
  const dx = recording && x.requiresGrad ? empty([R, D], { dtype: x.dtype }) : null
  const dtable = recording && table.requiresGrad ? zeros([V, D]) : null
  kernels.headCrossEntropy(
    x.numbers,
    table.numbers,
    table.packed('forward', compute),
    dx ? table.packed('backward', compute) : null,
    targets.ints,
    rowLoss,
    null,
    dx?.numbers ?? null,
    dtable?.floats ?? null,
    R,
    D,
    V,
    softcap,
    zCoefficient,
    1 / Math.max(1, counted),
    compute,
  )
  const loss = empty([])
  loss.data[0] = rowLoss.reduce((sum, nats) => sum + nats, 0) / Math.max(1, counted)
  if (!recording) return { loss, rowLoss }
  record({
    op: 'headCrossEntropy',
    outputs: [loss],
    saved: dtable ? [dtable] : [],
    backward: () => {
      const factor = gradientOf(loss).data[0]
      if (dtable) addTableGradient(table, dtable, factor)
      if (!dx) return
      if (factor !== 1) kernels.axpby(factor, dx.numbers, 0, null, dx.numbers, R * D)
      addGradient(x, dx)
    },
  })
  return { loss, rowLoss }
}

/** Returns the number of rows with a target. */
function check(x: Tensor, table: Parameter, targets: Tensor): number {
  const op = 'headCrossEntropy'
  const [V, D] = expectShape(op, `table (${table.name})`, table, ['V', 'D'])
  const [R] = expectShape(op, 'x', x, ['R', D])
  expectDtype(op, 'targets', targets, ['i32'])
  expectShape(op, 'targets', targets, [R])
  let counted = 0
  for (const target of targets.ints) {
    if (target >= V || target < -1) throw new ShapeError(op, `targets must be in [0, ${V}), or -1 for none`, target)
    if (target >= 0) counted++
  }
  return counted
}

/** table.grad += factor * dtable. */
function addTableGradient(table: Parameter, dtable: Tensor, factor: number): void {
  const { data, accumulate } = table.gradientTarget()
  kernels.axpby(factor, dtable.numbers, 1, accumulate ? data : null, data, table.size)
}
