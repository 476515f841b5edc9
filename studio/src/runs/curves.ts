// From rows of metrics to columns of a plot: smoothing, the choice of x, several runs side by side.
import type { MetricsRow } from '../api/studio.ts'

export const axes = ['step', 'tokens', 'minutes'] as const
export type Axis = (typeof axes)[number]

/** Columns of one run. */
export interface RunColumns {
  x: number[]
  /** Loss as it was, smoothed, and of validation: bits a byte. */
  loss: (number | null)[]
  smooth: (number | null)[]
  validation: (number | null)[]
  tokensPerSecond: (number | null)[]
  mfu: (number | null)[]
  balance: (number | null)[]
  gradNorm: (number | null)[]
  learningRate: (number | null)[]
}

/** @param limit most points; every validation and the last step stay */
export function columnsOf(rows: readonly MetricsRow[], axis: Axis, smoothing: number, limit = 4000): RunColumns {
  const smooth = runningMean(
    rows.map((row) => row.loss),
    Math.max(1, smoothing * rows.length),
  )
  const speed = runningMean(
    rows.map((row) => row.tokensPerSecond),
    Math.max(1, rows.length / 100),
  )
  const stride = Math.max(1, Math.ceil(rows.length / limit))
  const kept = rows
    .map((row, i) => ({ row, i }))
    .filter(({ row, i }) => i % stride === 0 || i === rows.length - 1 || row.validation !== null)
  const column = (of: (row: MetricsRow) => number | null) => kept.map(({ row }) => of(row))
  return {
    x: kept.map(({ row }) => (axis === 'minutes' ? row.seconds / 60 : row[axis])),
    loss: column((row) => row.loss),
    smooth: kept.map(({ i }) => smooth[i]),
    validation: column((row) => row.validation),
    tokensPerSecond: kept.map(({ i }) => speed[i]),
    mfu: column((row) => row.mfu),
    balance: column((row) => row.balance),
    gradNorm: column((row) => row.gradNorm),
    learningRate: column((row) => row.learningRate),
  }
}

/**
 * Mean that forgets: over an eighth of the values so far at first, later over about `span` of them, so that it follows the
 * steep beginning as well as it calms the long tail. null until a value came.
 */
export function runningMean(values: readonly (number | null)[], span: number): (number | null)[] {
  let [mean, seen]: [number | null, number] = [null, 0]
  return values.map((value) => {
    if (value === null) return mean
    seen++
    const window = Math.max(1, Math.min(span, seen / 8))
    mean = mean === null ? value : mean + (value - mean) / window
    return mean
  })
}

/** Range of a loss axis: the first steps of a run lie far above the rest, so it begins where the curves have bent. */
export function lossRange(curves: readonly (readonly (number | null)[])[]): [number, number] | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const curve of curves) {
    const from = Math.ceil(curve.length / 40)
    curve.forEach((value, i) => {
      if (value === null) return
      low = Math.min(low, value)
      if (i >= from) high = Math.max(high, value)
    })
  }
  if (!Number.isFinite(low) || !Number.isFinite(high)) return undefined
  const margin = (high - low) * 0.06 || 0.1
  return [Math.max(0, low - margin), high + margin]
}
