// The linear map: value and gradients, accumulation, packing, messages.
import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope, Parameter, Tape, zeros } from '../tensor/index.ts'
import { checkOp, linearReference, random } from '../testing/index.ts'
import { linear } from './index.ts'

const sizes: [number, number, number][] = [
  [1, 1, 1],
  [3, 5, 7],
  [17, 33, 13],
  [0, 4, 3],
]

describe.each(['f32', 'bf16'] as const)('linear of %s', (dtype) => {
  test.each(sizes)('[%i rows, %i out, %i in] has the value and gradients of the plain sum', (R, N, K) => {
    checkOp({
      rng: random(R + N + K),
      inputs: { x: { shape: [R, K], dtype }, w: { shape: [N, K], dtype: 'parameter' } },
      run: ({ x, w }) => linear(x, w),
      reference: ({ x, w }) => linearReference(x, w, [R, N, K]),
    })
  })

  test('computes in another arithmetic and dtype than it reads', () => {
    const compute = dtype === 'f32' ? 'bf16' : 'f32'
    checkOp({
      rng: random(1),
      inputs: { x: { shape: [9, 20], dtype }, w: { shape: [6, 20], dtype: 'parameter' } },
      run: ({ x, w }) => linear(x, w, { compute, outDtype: compute }),
      reference: ({ x, w }) => linearReference(x, w, [9, 6, 20]),
      tolerance: 2.5e-2,
    })
  })
})

test('a weight that changes is packed anew after touch', () => {
  using _scope = memoryScope()
  const w = new Parameter('w', [1, 2])
  const x = fromArray([3, 5], [1, 2])
  expect(linear(x, w).item()).toBe(0)
  w.data.set([1, 2])
  w.touch()
  expect(linear(x, w).item()).toBe(13)
})

test('gradients of micro-batches add up', () => {
  using _scope = memoryScope()
  const w = new Parameter('w', [1, 2])
  for (const row of [
    [1, 2],
    [10, 20],
  ]) {
    using tape = new Tape()
    tape.backward(linear(fromArray(row, [1, 2]), w))
  }
  expect([...w.grad!.data]).toEqual([11, 22])
  w.zeroGrad()
  expect([...w.grad!.data]).toEqual([0, 0])
})

test('an input that is used twice gets the sum of both gradients', () => {
  using _scope = memoryScope()
  const [first, second] = [new Parameter('first', [1, 2]), new Parameter('second', [2, 1])]
  first.data.set([2, 3])
  second.data.set([5, 7])
  const x = fromArray([1, 1], [1, 2], { requiresGrad: true })
  using tape = new Tape()
  const a = linear(x, first)
  const b = linear(linear(a, second), first)
  a.grad = fromArray([1], [1, 1])
  b.grad = fromArray([1], [1, 1])
  tape.run()
  // da = 1 + first . second = 32; dx = da * first
  expect([...x.grad!.data]).toEqual([64, 96])
})

test('shapes that do not fit are named with what is needed', () => {
  using _scope = memoryScope()
  const w = new Parameter('mlp.down', [4, 3])
  expect(() => linear(zeros([2, 5]), w)).toThrow('linear: x must be [R, 3], got f32 [2, 5]')
  expect(() => linear(zeros([2, 3]), new Parameter('v', [3]))).toThrow('linear: w (v) must be [N, K], got f32 [3]')
  expect(() => linear(zeros([2, 3], { dtype: 'i32' }), w)).toThrow('linear: x must be f32 or bf16, got i32 [2, 3]')
  expect(() => linear(zeros([2, 3]), w, { outDtype: 'i32' })).toThrow('linear: the result must be f32 or bf16, got i32')
})
