// The types of a comparison: what one training came to, and what several say together.
import type { CurvePoint } from './compareCurve.ts'
import type { Interval } from './compareStats.ts'

/** What routers did in the last fifth of a training, means over layers and steps. */
export interface RoutingSummary {
  /** Largest load over the mean, minus 1, of single steps. */
  maxViolation: number
  /** Entropy of the loads over the whole window, as a share of that of equal loads. */
  entropy: number
  /** Experts, of all layers together, that got no more than a hundredth of an even share; and how many there are. */
  deadExperts: number
  experts: number
  /** Share of (token, expert) pairs that found their expert full; 0 without a capacity. */
  dropped: number
}

/** One training of one contestant, from its first step to its last. */
export interface TrialResult {
  contestant: string
  seed: number
  steps: number
  tokens: number
  /** Factor on the preset's learning rates. */
  factor: number
  /** Held-out bits per byte at the end, and on the way there. */
  finalBitsPerByte: number
  curve: CurvePoint[]
  /** Mean training loss of the last 20 steps, bits per byte. */
  trainBitsPerByte: number
  /** Median of single steps, validation not included. */
  secondsPerStep: number
  parameters: number
  activeParameters: number
  flopsPerToken: number
  /** Null without experts. */
  routing: RoutingSummary | null
  skippedSteps: number
}

/** How the tokens that a loss takes were found. */
export type ReachMethod = 'shorter schedules' | 'its own curve'

/** The sparse model against a dense one, seed by seed. Ratios are sparse over dense: below 1 the sparse one needs less. */
export interface Verdict {
  against: string
  seeds: number[]
  /** Bits per byte at equal tokens, sparse less dense; below 0 the sparse one is better. */
  atEqualTokens: Interval
  /** The same after as many seconds as the dense one took; NaN without a pace. */
  atEqualSeconds: Interval
  /** To reach the dense model's final loss. */
  tokens: Interval
  seconds: Interval
  flops: Interval
  method: ReachMethod
  /** Seeds whose answer lies outside of what was trained, where the nearest slope was carried on. */
  outside: number[]
  /** True where the slope was carried on as far as it may be: ratios are bounds then, and their intervals mean nothing. */
  isBound: boolean
}
