import { expect, test } from 'vitest'
import { fromArray, memoryScope, ones } from '../tensor/index.ts'
import { checkOp, random } from '../testing/index.ts'
import { jitter } from './jitter.ts'

test('factors are uniform about 1, differ from place to place, and repeat with the seed', () => {
  using _scope = memoryScope()
  const factors = (seed: number): Float32Array => jitter(ones([100, 100]), { amount: 0.1, seed }).floats.slice()
  const first = factors(7)
  const mean = first.reduce((sum, x) => sum + x, 0) / first.length
  const variance = first.reduce((sum, x) => sum + (x - mean) ** 2, 0) / first.length
  expect(mean).toBeCloseTo(1, 2)
  expect(Math.sqrt(variance)).toBeCloseTo(0.1 / Math.sqrt(3), 3)
  expect(Math.min(...first)).toBeGreaterThanOrEqual(0.9 - 1e-6)
  expect(Math.max(...first)).toBeLessThanOrEqual(1.1 + 1e-6)
  expect(new Set(first).size).toBeGreaterThan(9000)
  expect(factors(7)).toEqual(first)
  expect(factors(8)).not.toEqual(first)
})

test('its gradient is by the same factors', () => {
  let factors = new Float32Array(0)
  checkOp({
    rng: random(1),
    inputs: { x: { shape: [5, 7], dtype: 'f32' } },
    run: ({ x }) => {
      factors = jitter(ones([5, 7]), { amount: 0.3, seed: 5 }).floats.slice()
      return jitter(x, { amount: 0.3, seed: 5 })
    },
    reference: ({ x }) => x.map((value, i) => value * factors[i]),
  })
})

test('refuses amounts that could turn a number round', () => {
  using _scope = memoryScope()
  expect(() => jitter(fromArray([1], [1]), { amount: 1.5, seed: 0 })).toThrow(
    'jitter: amount must be from 0 to 1, got 1.5',
  )
})
