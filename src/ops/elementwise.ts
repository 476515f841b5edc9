// Sums, products and conversions, element by element. Same shapes only: nothing is broadcast.
import { kernels } from '../native/index.ts'
import {
  addGradient,
  type Dtype,
  empty,
  full,
  gradientOf,
  isRecording,
  record,
  takeGradient,
  type Tensor,
  writeGradient,
} from '../tensor/index.ts'
import { expectNumbers, expectSameShape, output } from './check.ts'

/** a + b, of the dtype of a. */
export function add(a: Tensor, b: Tensor): Tensor {
  expectNumbers('add', 'a', a)
  expectNumbers('add', 'b', b)
  expectSameShape('add', a, b)
  const y = empty(a.shape, { dtype: a.dtype })
  kernels.axpby(1, a.numbers, 1, b.numbers, y.numbers, y.size)
  if (isRecording(a, b)) {
    record({
      op: 'add',
      outputs: [y],
      backward: () => {
        if (b.requiresGrad) addCopy(b, gradientOf(y), 1)
        if (a.requiresGrad) addGradient(a, takeGradient(y))
      },
    })
  }
  return y
}

/** alpha * x, of the dtype of x. */
export function scale(x: Tensor, alpha: number): Tensor {
  expectNumbers('scale', 'x', x)
  const y = empty(x.shape, { dtype: x.dtype })
  kernels.axpby(alpha, x.numbers, 0, null, y.numbers, y.size)
  if (isRecording(x)) {
    record({ op: 'scale', outputs: [y], backward: () => addCopy(x, gradientOf(y), alpha) })
  }
  return y
}

/** a * b, of the dtype of a. */
export function mul(a: Tensor, b: Tensor): Tensor {
  expectNumbers('mul', 'a', a)
  expectNumbers('mul', 'b', b)
  expectSameShape('mul', a, b)
  const y = empty(a.shape, { dtype: a.dtype })
  kernels.multiply(a.numbers, b.numbers, y.numbers, y.size)
  if (isRecording(a, b)) {
    record({
      op: 'mul',
      outputs: [y],
      backward: () => {
        const dy = gradientOf(y).numbers
        if (a.requiresGrad) writeGradient(a, (da) => kernels.multiply(dy, b.numbers, da, y.size))
        if (b.requiresGrad) writeGradient(b, (db) => kernels.multiply(dy, a.numbers, db, y.size))
      },
    })
  }
  return y
}

/** x in another dtype (to bf16: nearest, ties to even); x itself if it has it already. */
export function cast(x: Tensor, dtype: Dtype): Tensor {
  expectNumbers('cast', 'x', x)
  if (x.dtype === dtype) return x
  const y = output('cast', x.shape, dtype)
  kernels.convert(x.numbers, y.numbers, x.size)
  if (isRecording(x)) {
    record({ op: 'cast', outputs: [y], backward: () => addGradient(x, takeGradient(y)) })
  }
  return y
}

/** Sum of all elements, as an f32 scalar; added up in float64, in order. */
export function sum(x: Tensor): Tensor {
  expectNumbers('sum', 'x', x)
  const y = empty([])
  let total = 0
  for (const value of x.dtype === 'f32' ? x.floats : x.toFloat32()) total += value
  y.data[0] = total
  if (isRecording(x)) {
    record({
      op: 'sum',
      outputs: [y],
      backward: () => addGradient(x, full(x.shape, gradientOf(y).data[0], { dtype: x.dtype })),
    })
  }
  return y
}

/** Adds alpha * gradient to the gradient of x, leaving `gradient` to its owner. */
function addCopy(x: Tensor, gradient: Tensor, alpha: number): void {
  const data = x.grad?.numbers
  if (data) kernels.axpby(alpha, gradient.numbers, 1, data, data, x.size)
  else writeGradient(x, (dx) => kernels.axpby(alpha, gradient.numbers, 0, null, dx, x.size))
}
