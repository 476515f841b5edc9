// Fair timing of two or more things in one run: warm-up, then samples taken in turn, then the median.
//
// A sample is a number of calls long enough to be measured (`minSeconds`). Taking turns puts slow moments of
// the machine (other work, frequency) on all sides alike; a pause between turns lets the threads of the one
// that just ran fall asleep before the other starts.
import { setTimeout as sleep } from 'node:timers/promises'

/** Something to time: runs `iterations` calls and answers the seconds of one. */
export type Sampler = (iterations: number) => number | Promise<number>

export interface TimingOptions {
  /** Samples of each. Default 7. */
  rounds?: number
  /** Aim for the length of a sample. Default 0.03. */
  minSeconds?: number
  /** Pause between samples. Default 10. */
  pauseMs?: number
  /** Told when samples lie so far apart that something else must have been running. */
  note?: (text: string) => void
}

/** A sampler of a function of this process. */
export function localSampler(call: () => void): Sampler {
  return (iterations) => {
    const start = process.hrtime.bigint()
    for (let i = 0; i < iterations; i++) call()
    return Number(process.hrtime.bigint() - start) / 1e9 / iterations
  }
}

/** The middle value (the mean of the middle two). */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('median: needs at least one value, got none')
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** (x1 x2 ... xn)^(1/n) of positive numbers. */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new Error('geometricMean: needs at least one value, got none')
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}

/** Median seconds of one call of each sampler, measured in turns. */
export async function interleave(samplers: readonly Sampler[], options: TimingOptions = {}): Promise<number[]> {
  const { rounds = 7, minSeconds = 0.03, pauseMs = 10 } = options
  const iterations: number[] = []
  for (const sampler of samplers) {
    await sampler(1)
    // the best of two: a first call may still have set something up
    const seconds = Math.min(await sampler(1), await sampler(1))
    iterations.push(Math.max(1, Math.ceil(minSeconds / Math.max(seconds, 1e-9))))
  }
  const samples: number[][] = samplers.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, sampler] of samplers.entries()) {
      await sleep(pauseMs)
      samples[i].push(await sampler(iterations[i]))
    }
  }
  const spread = Math.max(...samples.map(spreadOf))
  if (spread > 1.25)
    options.note?.(`unsteady: the middle half of the samples spreads by ${spread.toFixed(2)}; measure again alone`)
  return samples.map(median)
}

/** Third quartile over first quartile. */
function spreadOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]
  return at(0.75) / at(0.25)
}
