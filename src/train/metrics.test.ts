import { expect, test } from 'vitest'
import { bitsPerByte, maxViolation } from './metrics.ts'
import { completeOptions } from './options.ts'

test('MaxVio is 0 in balance, E/K - 1 at worst, and 0 for no tokens', () => {
  expect(maxViolation([5, 5, 5, 5])).toBe(0)
  expect(maxViolation([20, 0, 0, 0])).toBe(3)
  expect(maxViolation([6, 4, 5, 5])).toBeCloseTo(0.2)
  expect(maxViolation([0, 0])).toBe(0)
})

test('bits per byte of a coin flip a byte is 1', () => {
  expect(bitsPerByte(10 * Math.LN2, 10)).toBeCloseTo(1)
})

test('options keep their defaults when given undefined, and what cannot be is refused by name', () => {
  const base = { horizon: { steps: 1 }, batch: 1, time: 8 }
  expect(completeOptions({ ...base, clip: undefined }).clip).toBe(1)
  expect(() => completeOptions({ ...base, batch: 0 })).toThrow(
    'train: batch must be a whole number of at least 1, got 0',
  )
  expect(() => completeOptions({ ...base, decay: 2 })).toThrow('decay must be from 0 to 1, got 2')
  expect(() => completeOptions({ ...base, horizon: { minutes: -1 } })).toThrow('minutes must be above 0, got -1')
})
