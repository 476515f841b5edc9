import { expect, test } from 'vitest'
import { tuneRate } from './compareTune.ts'

/** A parabola in the logarithm of the factor, lowest at `best`. */
const bowl = (best: number) => async (factor: number) => 1 + Math.log(factor / best) ** 2

test('a best value inside of the grid ends the search', async () => {
  const tuned = await tuneRate([2, 0.5, 1], bowl(1.1))
  expect(tuned!.factor).toBe(1)
  expect(tuned!.tried.map(({ factor }) => factor)).toEqual([0.5, 1, 2])
})

test('the grid grows by its own step where the best value lies at an edge, twice at most', async () => {
  expect((await tuneRate([0.5, 1, 2], bowl(4)))!.tried.map(({ factor }) => factor)).toEqual([0.5, 1, 2, 4, 8])
  expect((await tuneRate([0.5, 1, 2], bowl(0.2)))!.factor).toBe(0.25)
  expect((await tuneRate([0.5, 1, 2], bowl(100)))!.tried).toHaveLength(5)
})

test('a training that diverged is never the best', async () => {
  const tuned = await tuneRate([0.5, 1, 2], async (factor) => (factor > 0.7 ? Infinity : 2))
  expect(tuned!.factor).toBeLessThanOrEqual(0.5)
})

test('of a single factor nothing is tried, and a stop ends the search', async () => {
  const never = async () => {
    throw new Error('tried')
  }
  expect(await tuneRate([1], never)).toEqual({ factor: 1, tried: [] })
  expect(await tuneRate([1, 2], async () => undefined)).toBeUndefined()
})
