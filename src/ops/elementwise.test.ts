import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope, Tape, zeros } from '../tensor/index.ts'
import { checkOp, random } from '../testing/index.ts'
import { add, cast, mul, scale, sum } from './index.ts'

const mixes = [
  ['f32', 'f32'],
  ['f32', 'bf16'],
  ['bf16', 'f32'],
  ['bf16', 'bf16'],
] as const

describe.each(mixes)('of %s and %s', (a, b) => {
  const inputs = { a: { shape: [3, 11], dtype: a }, b: { shape: [3, 11], dtype: b } }
  test('add is the sum, and passes its gradient to both', () => {
    checkOp({ rng: random(1), inputs, run: (t) => add(t.a, t.b), reference: (t) => t.a.map((x, i) => x + t.b[i]) })
  })
  test('mul is the product, and passes each the other', () => {
    checkOp({ rng: random(2), inputs, run: (t) => mul(t.a, t.b), reference: (t) => t.a.map((x, i) => x * t.b[i]) })
  })
  test('cast keeps the value and its gradient', () => {
    checkOp({
      rng: random(3),
      inputs: { x: { shape: [7], dtype: a } },
      run: ({ x }) => cast(x, b),
      reference: ({ x }) => x,
    })
  })
})

test.each(['f32', 'bf16'] as const)('scale and sum of %s are what they say', (dtype) => {
  const inputs = { x: { shape: [5, 9], dtype } }
  checkOp({ rng: random(4), inputs, run: ({ x }) => scale(x, -2.5), reference: ({ x }) => x.map((v) => -2.5 * v) })
  checkOp({
    rng: random(5),
    inputs,
    run: ({ x }) => sum(x),
    reference: ({ x }) => Float64Array.of(x.reduce((a, b) => a + b, 0)),
  })
})

test('a tensor added to and multiplied with itself gets every part of its gradient', () => {
  const inputs = { x: { shape: [4], dtype: 'f32' } } as const
  checkOp({ rng: random(6), inputs, run: ({ x }) => add(x, x), reference: ({ x }) => x.map((v) => 2 * v) })
  checkOp({ rng: random(7), inputs, run: ({ x }) => mul(x, x), reference: ({ x }) => x.map((v) => v * v) })
  checkOp({
    rng: random(8),
    inputs,
    run: ({ x }) => add(mul(x, x), scale(add(x, cast(x, 'f32')), 3)),
    reference: ({ x }) => x.map((v) => v * v + 6 * v),
  })
})

test('a loss made of sums goes backward from the scalar', () => {
  using _scope = memoryScope()
  const x = fromArray([1, 2, 3], [3], { requiresGrad: true })
  for (let i = 0; i < 2; i++) {
    using tape = new Tape()
    const loss = scale(sum(mul(x, x)), 0.5)
    expect(loss.item()).toBe(7)
    tape.backward(loss)
  }
  expect([...x.grad!.data]).toEqual([2, 4, 6])
})

test('shapes that differ and integers are refused', () => {
  using _scope = memoryScope()
  expect(() => add(zeros([2, 3]), zeros([3, 2]))).toThrow('add: b must have the shape of a, [2, 3], got f32 [3, 2]')
  expect(() => mul(zeros([2]), zeros([2], { dtype: 'i32' }))).toThrow('mul: b must be f32 or bf16, got i32 [2]')
  expect(() => cast(zeros([2]), 'i32')).toThrow('cast: the result must be f32 or bf16, got i32')
})
