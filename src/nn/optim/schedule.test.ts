import { expect, test } from 'vitest'
import { learningRateFactor } from './schedule.ts'

const shape = { warmup: 0.1, decay: 0.4, final: 0.05 }

test('rises to 1, stays, and falls in a line to its final value', () => {
  const points = [0.05, 0.1, 0.35, 0.6, 0.8, 1]
  const factors = points.map((progress) => learningRateFactor(progress, shape))
  const expected = [0.5, 1, 1, 1, 0.525, 0.05]
  factors.forEach((factor, i) => expect(factor).toBeCloseTo(expected[i], 12))
})

test('is above 0 at the first step and never above 1', () => {
  for (let i = -1; i <= 101; i++) {
    const factor = learningRateFactor(i / 100, shape)
    expect(factor).toBeGreaterThan(0)
    expect(factor).toBeLessThanOrEqual(1)
  }
})

test('without warm-up and decay it is constant', () => {
  for (const progress of [0, 0.5, 1]) {
    expect(learningRateFactor(progress, { warmup: 0, decay: 0, final: 0 })).toBe(1)
  }
})
