import { expect, test } from 'vitest'
import { summariseRouting, totalLoad } from './compareRouting.ts'
import type { RoutingRecordStep } from './routingRecord.ts'

const known = { maxVio: 0, dead: 0, entropy: 1, rowEntropy: 1, margin: 0 }
const step = (number: number, load: number[], dropped = 0): RoutingRecordStep => ({
  step: number,
  tokens: number,
  layers: [{ ...known, load, dropped }],
})

test('the last fifth of the steps counts, loads summed over it', () => {
  const early = Array.from({ length: 8 }, (_, i) => step(i + 1, [40, 0, 0, 0]))
  const summary = summariseRouting([...early, step(9, [20, 10, 10, 0], 4), step(10, [10, 20, 10, 0])], 40)!
  // single steps: 20 and 20 over a mean of 10
  expect(summary.maxViolation).toBeCloseTo(1, 12)
  expect([summary.deadExperts, summary.experts]).toEqual([1, 4])
  const shares = [30, 30, 20].map((tokens) => tokens / 80)
  expect(summary.entropy).toBeCloseTo(-shares.reduce((sum, p) => sum + p * Math.log(p), 0) / Math.log(4), 12)
  expect(summary.dropped).toBeCloseTo(0.05, 12)
})

test('loads of steps that are uneven in turn are even together', () => {
  expect(totalLoad([step(1, [20, 10, 0, 10]), step(2, [0, 10, 20, 10])], 0)).toEqual([20, 20, 20, 20])
})

test('even loads have full entropy and no violation; without experts there is nothing to say', () => {
  expect(summariseRouting([step(1, [5, 5, 5, 5])], 20)).toEqual({
    ...{ maxViolation: 0, entropy: 1, deadExperts: 0, experts: 4, dropped: 0 },
  })
  expect(summariseRouting([], 20)).toBeNull()
})
