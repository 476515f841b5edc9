import { expect, it } from 'vitest'
import { geometricMean, interleave, median } from './timing.ts'

it('takes the middle value, and the mean of two', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  expect(() => median([])).toThrow('median: needs at least one value, got none')
})

it('takes the n-th root of a product', () => {
  expect(geometricMean([1, 4])).toBeCloseTo(2, 12)
})

it('asks each sampler in turn for as many calls as fill a sample', async () => {
  const calls: string[] = []
  const sampler = (name: string, seconds: number) => (iterations: number) => {
    calls.push(`${name}${iterations}`)
    return seconds
  }
  const seconds = await interleave([sampler('a', 0.5), sampler('b', 0.25)], { rounds: 2, minSeconds: 1, pauseMs: 0 })
  expect(seconds).toEqual([0.5, 0.25])
  expect(calls).toEqual(['a1', 'a1', 'a1', 'b1', 'b1', 'b1', 'a2', 'b4', 'a2', 'b4'])
})

it('says when samples lie so far apart that they mean little', async () => {
  const notes: string[] = []
  let turn = 0
  const options = { rounds: 8, minSeconds: 0, pauseMs: 0, note: (text: string) => notes.push(text) }
  await interleave([() => (turn++ % 2 === 0 ? 1 : 2)], options)
  await interleave([() => 1], options)
  expect(notes).toEqual(['unsteady: the middle half of the samples spreads by 2.00; measure again alone'])
})
