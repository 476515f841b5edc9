// Curves of a run as the report draws them: one column a quantity, thinned to what a screen can show.
import type { StepMetrics } from '../../train/index.ts'

/** Columns of equal length; null where a step has no value. */
export interface Series {
  step: number[]
  tokens: number[]
  minutes: number[]
  train: (number | null)[]
  smooth: (number | null)[]
  val: (number | null)[]
  tokensPerSecond: (number | null)[]
  mfu: (number | null)[]
  balance: (number | null)[]
}

/**
 * Thins steps to about `limit` points; every validation and the last step stay.
 *
 * A kept point is the mean of the steps since the one before it, so no spike vanishes without a trace. `smooth`
 * is a running mean of the loss over about a fiftieth of the run (at least 5 steps).
 */
export function toSeries(steps: readonly StepMetrics[], limit = 1500): Series {
  const series: Series = {
    step: [],
    tokens: [],
    minutes: [],
    train: [],
    smooth: [],
    val: [],
    tokensPerSecond: [],
    mfu: [],
    balance: [],
  }
  const smooth = exponentialMean(
    steps.map((step) => step.lossBitsPerByte),
    Math.max(5, steps.length / 50),
  )
  const stride = Math.max(1, Math.ceil(steps.length / limit))
  let from = 0
  for (const [i, step] of steps.entries()) {
    const isKept = i === steps.length - 1 || i % stride === 0 || step.valBitsPerByte !== undefined
    if (!isKept) continue
    const group = steps.slice(from, i + 1)
    from = i + 1
    series.step.push(step.step)
    series.tokens.push(step.tokens)
    series.minutes.push(step.secondsElapsed / 60)
    series.train.push(mean(group.map((s) => s.lossBitsPerByte)))
    series.smooth.push(smooth[i])
    series.val.push(finite(step.valBitsPerByte))
    series.tokensPerSecond.push(mean(group.map((s) => s.tokensPerSecond)))
    series.mfu.push(mean(group.map((s) => s.mfu)))
    series.balance.push(mean(group.map((s) => s.balance)))
  }
  return series
}

/**
 * Running mean that forgets: over an eighth of the values so far, later over about `span` of them, so that it
 * follows the steep start as well as it calms the long tail. null until a value came.
 */
export function exponentialMean(values: readonly number[], span: number): (number | null)[] {
  let mean: number | null = null
  let seen = 0
  return values.map((value) => {
    if (finite(value) === null) return mean
    seen++
    const window = Math.max(1, Math.min(span, seen / 8))
    mean = mean === null ? value : mean + (value - mean) / window
    return mean
  })
}

function mean(values: readonly number[]): number | null {
  const known = values.filter((value) => finite(value) !== null)
  return known.length > 0 ? known.reduce((sum, x) => sum + x, 0) / known.length : null
}

/** null for what is missing: undefined, NaN, and the null that JSON keeps of NaN. */
function finite(value: number | undefined | null): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
