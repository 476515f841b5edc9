import { expect, test } from 'vitest'
import { fromArray, memoryScope, zeros } from '../tensor/index.ts'
import { checkOp, normalArray, random } from '../testing/index.ts'
import { squaredError } from './index.ts'

test.each([
  ['equal', undefined],
  ['given', [0, 2, 0.5, 1]],
])('rows of %s weights have the value and gradient of the formula', (_, weights) => {
  const [R, P] = [4, 7]
  const target = normalArray(random(1), R * P)
  const w = weights ?? [1, 1, 1, 1]
  const total = w.reduce((a, b) => a + b)
  checkOp({
    rng: random(2),
    inputs: { x: { shape: [R, P], dtype: 'f32' } },
    run: ({ x }) => squaredError(x, target, weights && Float32Array.from(weights)),
    reference: ({ x }) =>
      Float64Array.of(x.reduce((sum, v, i) => sum + (w[Math.floor(i / P)] * (v - target[i]) ** 2) / (P * total), 0)),
  })
})

test('nothing to compare costs nothing, and lengths that do not fit are refused', () => {
  using _scope = memoryScope()
  expect(squaredError(zeros([0, 3]), new Float32Array(0)).item()).toBe(0)
  expect(squaredError(fromArray([1, 2], [1, 2]), new Float32Array(2), new Float32Array(1)).item()).toBe(0)
  expect(() => squaredError(zeros([2, 3]), new Float32Array(5))).toThrow('target must have 6 values, got 5')
  expect(() => squaredError(zeros([2, 3]), new Float32Array(6), new Float32Array(3))).toThrow('weights must have 2')
})
