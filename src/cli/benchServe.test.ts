// The numbers of a load test, from answers whose times are known.
import { describe, expect, test } from 'vitest'
import { percentile, summarise } from './benchServeStats.ts'
import type { LoadResult } from './benchServeClient.ts'

const result = (outputs: number[], end: number, outputTokens: number, failure?: string): LoadResult => ({
  ...{ outputs, end, outputTokens, promptTokens: 10, cachedTokens: 4 },
  ...(failure !== undefined && { failure }),
})

describe('the summary of a load test', () => {
  test('takes times from first outputs, gaps and ends, and leaves out what failed', () => {
    const results = [result([100, 120, 160], 160, 4), result([300], 300, 1), result([], 50, 0, 'HTTP 500: no')]
    const summary = summarise(results, 2, { ttft: 200, tpot: 20 })
    expect(summary.ttft).toMatchObject({ mean: 200, p50: 200 })
    expect(summary.itl).toMatchObject({ mean: 30, p50: 30 })
    expect(summary.tpot).toMatchObject({ mean: 20 })
    expect(summary.e2e!.p99).toBeCloseTo(298.6)
    expect(summary).toMatchObject({ requests: 3, failures: 1, requestsPerSecond: 1, outputTokensPerSecond: 2.5 })
    expect(summary).toMatchObject({ totalTokensPerSecond: 12.5, cachedTokens: 8 })
    expect(summary.reasons).toEqual([{ reason: 'HTTP 500: no', count: 1 }])
    expect(summary.goodput).toMatchObject({ requestsPerSecond: 0.5, share: 1 / 3 })
  })

  test('has no times where nothing came', () => {
    expect(summarise([result([], 5, 0, 'no')], 1)).toMatchObject({ failures: 1, ttft: undefined, e2e: undefined })
  })

  test('puts percentiles between neighbours', () => {
    expect([0, 0.5, 0.75, 1].map((share) => percentile([1, 2, 3, 5], share))).toEqual([1, 2.5, 3.5, 5])
    expect(percentile([7], 0.99)).toBe(7)
  })
})
