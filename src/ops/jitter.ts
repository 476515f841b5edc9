// Input jitter: every number times its own factor, uniform in (1 - amount, 1 + amount), as Switch puts on the input of its
// routers so that near-equal experts are all tried (Fedus et al. 2021, 2.4).
//
// Factors are a hash of the seed and the place, so backward makes them again instead of keeping them, and a block that is
// computed twice meets the same. lowbias32 (Wellons 2018) is the hash.
import { empty, gradientOf, isRecording, record, type Tensor, writeGradient } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectDtype } from './check.ts'

export interface JitterOptions {
  /** From 0 to 1. */
  amount: number
  seed: number
}

/** @param x f32 of any shape */
export function jitter(x: Tensor, { amount, seed }: JitterOptions): Tensor {
  expectDtype('jitter', 'x', x, ['f32'])
  if (!(amount >= 0 && amount <= 1)) throw new ShapeError('jitter', 'amount must be from 0 to 1', String(amount))
  const y = empty(x.shape)
  multiply(x.floats, y.floats, amount, seed)
  if (!isRecording(x)) return y
  record({
    op: 'jitter',
    outputs: [y],
    backward: () => writeGradient(x, (data) => multiply(gradientOf(y).floats, data as Float32Array, amount, seed)),
  })
  return y
}

function multiply(from: Float32Array, to: Float32Array, amount: number, seed: number): void {
  const key = hash(seed)
  for (let i = 0; i < from.length; i++) {
    const uniform = hash(i ^ key) / 2 ** 31 - 1
    to[i] = from[i] * (1 + amount * uniform)
  }
}

function hash(value: number): number {
  let x = value >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}
