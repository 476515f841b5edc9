// From what became of each request to the numbers of a load test.
import type { Goodput } from './benchServe.ts'
import type { LoadResult } from './benchServeClient.ts'

/** Milliseconds. */
export interface Spread {
  mean: number
  p50: number
  p90: number
  p99: number
}

export interface LoadSummary {
  requests: number
  failures: number
  /** Why, with how often, most often first. */
  reasons: { reason: string; count: number }[]
  seconds: number
  requestsPerSecond: number
  promptTokens: number
  cachedTokens: number
  outputTokens: number
  outputTokensPerSecond: number
  totalTokensPerSecond: number
  ttft?: Spread
  itl?: Spread
  tpot?: Spread
  e2e?: Spread
  /** Requests a second that kept all limits, and their share. */
  goodput?: { limits: Goodput; requestsPerSecond: number; share: number }
}

/** The value below which a share of a list lies, in between its neighbours. @param sorted ascending, not empty */
export function percentile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1)
  const low = Math.floor(place)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low)
}

function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  return { mean, p50: percentile(sorted, 0.5), p90: percentile(sorted, 0.9), p99: percentile(sorted, 0.99) }
}

/** Milliseconds a token after the first; undefined for an answer of one. */
function tpotOf({ outputs, end, outputTokens }: LoadResult): number | undefined {
  return outputs.length === 0 || outputTokens < 2 ? undefined : (end - outputs[0]) / (outputTokens - 1)
}

/** @param seconds from the first request to the end of the last */
export function summarise(
  results: readonly LoadResult[],
  seconds: number,
  limits?: Goodput,
  stream = true,
): LoadSummary {
  const good = results.filter(({ failure }) => failure === undefined)
  const sum = (of: (result: LoadResult) => number) => good.reduce((total, result) => total + of(result), 0)
  const [promptTokens, outputTokens] = [sum((result) => result.promptTokens), sum((result) => result.outputTokens)]
  const kept = good.filter((result) => keeps(result, limits ?? {}, stream)).length
  return {
    requests: results.length,
    failures: results.length - good.length,
    reasons: reasonsOf(results),
    seconds,
    requestsPerSecond: good.length / seconds,
    promptTokens,
    cachedTokens: sum((result) => result.cachedTokens),
    outputTokens,
    outputTokensPerSecond: outputTokens / seconds,
    totalTokensPerSecond: (promptTokens + outputTokens) / seconds,
    e2e: spread(good.map(({ end }) => end)),
    ...(stream && {
      ttft: spread(good.flatMap(({ outputs }) => outputs.slice(0, 1))),
      itl: spread(good.flatMap(({ outputs }) => outputs.slice(1).map((time, i) => time - outputs[i]))),
      tpot: spread(good.flatMap((result) => tpotOf(result) ?? [])),
    }),
    ...(limits && { goodput: { limits, requestsPerSecond: kept / seconds, share: kept / results.length } }),
  }
}

function keeps(result: LoadResult, limits: Goodput, stream: boolean): boolean {
  const { ttft = Infinity, tpot = Infinity, e2e = Infinity } = limits
  if (result.end > e2e) return false
  return !stream || ((result.outputs[0] ?? 0) <= ttft && (tpotOf(result) ?? 0) <= tpot)
}

function reasonsOf(results: readonly LoadResult[]): LoadSummary['reasons'] {
  const counts = new Map<string, number>()
  for (const { failure } of results) if (failure !== undefined) counts.set(failure, (counts.get(failure) ?? 0) + 1)
  return [...counts].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count)
}
