import { describe, expect, it } from 'vitest'
import type { MetricsRow } from '../api/studio.ts'
import { columnsOf, lossRange, runningMean } from './curves.ts'

const row = (step: number, more: Partial<MetricsRow> = {}): MetricsRow => ({
  ...{ step, tokens: 100 * step, seconds: 6 * step, loss: 8 / step, validation: null, gradNorm: 1, learningRate: 0.1 },
  ...{ tokensPerSecond: 50, mfu: 0.4, balance: 0.2, done: step / 1000 },
  ...more,
})

describe('columnsOf', () => {
  const rows = Array.from({ length: 1000 }, (_, i) => row(i + 1, i === 502 ? { validation: 3 } : {}))

  it('keeps the first step, the last one and every validation however much it thins', () => {
    const { x, validation } = columnsOf(rows, 'step', 0.02, 100)
    expect(x.length).toBeLessThan(105)
    expect([x[0], x.at(-1)]).toEqual([1, 1000])
    expect(validation.filter((value) => value !== null)).toEqual([3])
    expect(x[validation.indexOf(3)]).toBe(503)
  })

  it('measures x in steps, tokens or minutes', () => {
    expect(columnsOf(rows, 'tokens', 0.02).x.at(-1)).toBe(100_000)
    expect(columnsOf(rows, 'minutes', 0.02).x.at(-1)).toBe(100)
  })
})

describe('runningMean', () => {
  it('follows at once, then calms, and stays between the values', () => {
    const values = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 1 : 3))
    const mean = runningMean(values, 50)
    expect(mean[0]).toBe(1)
    expect(Math.abs(mean.at(-1)! - 2)).toBeLessThan(0.1)
  })

  it('passes over what is missing', () => {
    expect(runningMean([null, 2, null], 5)).toEqual([null, 2, 2])
  })
})

describe('lossRange', () => {
  it('leaves out the steep beginning and keeps every minimum', () => {
    const curve = Array.from({ length: 400 }, (_, i) => 1 + 9 * Math.exp(-i / 3))
    const [low, high] = lossRange([curve])!
    expect(low).toBeLessThan(1.01)
    expect(high).toBeLessThan(2)
  })

  it('knows no range of nothing', () => {
    expect(lossRange([[null, null]])).toBeUndefined()
  })
})
