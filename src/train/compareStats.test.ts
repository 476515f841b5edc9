import { expect, test } from 'vitest'
import { Rng } from '../util/index.ts'
import { deviation, meanInterval, ratioInterval, studentQuantile } from './compareStats.ts'

test('quantiles of Student agree with the printed tables', () => {
  const table: [freedom: number, probability: number, value: number][] = [
    [1, 0.975, 12.706],
    [2, 0.975, 4.303],
    [3, 0.975, 3.182],
    [4, 0.975, 2.776],
    [9, 0.975, 2.262],
    [30, 0.975, 2.042],
    [120, 0.975, 1.98],
    [2, 0.95, 2.92],
    [5, 0.995, 4.032],
  ]
  for (const [freedom, probability, value] of table) {
    expect(studentQuantile(probability, freedom)).toBeCloseTo(value, 2.5)
  }
})

test('quantiles agree with the closed forms of one and two degrees', () => {
  for (const p of [0.6, 0.75, 0.9, 0.975, 0.995]) {
    expect(studentQuantile(p, 1)).toBeCloseTo(Math.tan(Math.PI * (p - 0.5)), 8)
    expect(studentQuantile(p, 2)).toBeCloseTo((2 * p - 1) / Math.sqrt(2 * p * (1 - p)), 8)
  }
})

test('a mean of three values has the interval worked out by hand', () => {
  // mean 2, deviation 1, standard error 1/sqrt(3), times 4.3027
  const { mean, low, high, count } = meanInterval([1, 2, 3])
  expect([mean, count]).toEqual([2, 3])
  expect(low).toBeCloseTo(2 - 2.48414, 4)
  expect(high).toBeCloseTo(2 + 2.48414, 4)
  expect(deviation([1, 2, 3])).toBeCloseTo(1, 12)
})

test('ratios are averaged by their logarithms, so that a ratio and its inverse cancel', () => {
  const { mean, low, high } = ratioInterval([0.5, 2])
  expect(mean).toBeCloseTo(1, 12)
  expect(low * high).toBeCloseTo(1, 9)
})

test('one value has no interval', () => {
  expect(meanInterval([3])).toEqual({ mean: 3, low: Number.NaN, high: Number.NaN, count: 1 })
})

test('the interval of three normal values covers the true mean 95 times in 100', () => {
  const rng = new Rng(5)
  const rounds = 2000
  let covered = 0
  for (let i = 0; i < rounds; i++) {
    const { low, high } = meanInterval([0, 0, 0].map(() => 7 + 2 * rng.normal()))
    if (low <= 7 && 7 <= high) covered++
  }
  expect(covered / rounds).toBeGreaterThan(0.93)
  expect(covered / rounds).toBeLessThan(0.97)
})
