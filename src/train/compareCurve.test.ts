import { expect, test } from 'vitest'
import { Rng } from '../util/index.ts'
import { fallingCurve, lossAt, tokensToReach } from './compareCurve.ts'

const points = (...pairs: [tokens: number, bitsPerByte: number][]) =>
  pairs.map(([tokens, bitsPerByte]) => ({ tokens, bitsPerByte }))

test('a falling curve stays as it is and a rise is levelled to its mean', () => {
  const falling = points([100, 3], [200, 2], [400, 1])
  expect(fallingCurve(falling)).toEqual(falling)
  expect(fallingCurve(points([100, 3], [200, 1], [300, 2], [400, 1.5]))).toEqual(
    points([100, 3], [200, 1.5], [300, 1.5], [400, 1.5]),
  )
})

test('levelling keeps the sum, never rises, and is the closest such curve to nudges of itself', () => {
  const rng = new Rng(3)
  for (let round = 0; round < 50; round++) {
    const noisy = Array.from({ length: 12 }, (_, i) => ({
      tokens: i + 1,
      bitsPerByte: 3 - 0.1 * i + 0.3 * rng.normal(),
    }))
    const level = fallingCurve(noisy).map(({ bitsPerByte }) => bitsPerByte)
    const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0)
    expect(sum(level)).toBeCloseTo(sum(noisy.map(({ bitsPerByte }) => bitsPerByte)), 9)
    for (let i = 1; i < level.length; i++) expect(level[i]).toBeLessThanOrEqual(level[i - 1] + 1e-12)
    const distance = (values: number[]): number => sum(values.map((value, i) => (value - noisy[i].bitsPerByte) ** 2))
    const best = distance(level)
    for (let nudge = 0; nudge < 20; nudge++) {
      const other = level.map((value) => value + 0.02 * rng.normal())
      for (let i = 1; i < other.length; i++) other[i] = Math.min(other[i], other[i - 1])
      expect(distance(other)).toBeGreaterThanOrEqual(best - 1e-9)
    }
  }
})

test('between two points the loss is a line in the logarithm of tokens', () => {
  // halfway from 2 to 1 between 100 and 400 tokens lies at the geometric mean, 200
  const middle = { tokens: expect.closeTo(200, 9), where: 'between', isBound: false }
  expect(tokensToReach(points([100, 2], [400, 1]), 1.5)).toEqual(middle)
  expect(lossAt(points([100, 2], [400, 1]), 200)).toBeCloseTo(1.5, 12)
})

test('a loss that falls with the logarithm of tokens is read back exactly, inside and somewhat outside', () => {
  const curve = points(...[1000, 1500, 2500, 6000].map((n): [number, number] => [n, 5 - 0.4 * Math.log(n)]))
  for (const tokens of [700, 1000, 1200, 2500, 5000, 6000, 9000]) {
    expect(tokensToReach(curve, 5 - 0.4 * Math.log(tokens)).tokens).toBeCloseTo(tokens, 6)
  }
  expect(tokensToReach(curve, 5 - 0.4 * Math.log(700)).where).toBe('before')
  expect(tokensToReach(curve, 5 - 0.4 * Math.log(9000)).where).toBe('beyond')
})

test('a slope is carried on to twice the last point and half of the first, and no further', () => {
  const curve = points([100, 2], [200, 1.9])
  expect(tokensToReach(curve, 0.1)).toEqual({ tokens: expect.closeTo(400, 9), where: 'beyond', isBound: true })
  expect(tokensToReach(curve, 9)).toEqual({ tokens: expect.closeTo(50, 9), where: 'before', isBound: true })
  const flat = points([100, 2], [200, 2])
  expect(tokensToReach(flat, 1).tokens).toBeCloseTo(400, 9)
})

test('where a curve is flat at the target, its first point counts', () => {
  expect(tokensToReach(points([100, 3], [200, 2], [300, 2], [400, 1]), 2).tokens).toBeCloseTo(200, 9)
})

test('outside of a curve the loss is that of its nearest end', () => {
  const curve = points([100, 3], [200, 2])
  expect([lossAt(curve, 50), lossAt(curve, 900)]).toEqual([3, 2])
})
