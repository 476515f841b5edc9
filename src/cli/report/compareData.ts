// What compare.html shows: every figure of a comparison.
import type { Interval, MemoryUse, RoutingSummary, TrialResult, Tuned, Verdict } from '../../train/index.ts'
import type { Facts } from './report.ts'

/** A contestant in figures. */
export interface ContestantRow {
  name: string
  label: string
  bitsPerByte: Interval
  perSeed: number[]
  parameters: number
  activeParameters: number
  flopsPerToken: number
  memory: MemoryUse
  secondsPerStep: number
  /** The same while it trained, the median over all of it: with the machine's drift. */
  secondsPerStepTraining: number
  factor: number
  tried: Tuned['tried']
  routing: RoutingSummary | null
  trials: TrialResult[]
  shorter: TrialResult[]
}

/** An ablation in figures. */
export interface AblationRow {
  ablation: string
  name: string
  routing: string
  bitsPerByte: Interval
  /** Less the unchanged model's, seed by seed. */
  difference: Interval
  parameters: number
  flopsRatio: number
  paceRatio: number
  summary: RoutingSummary | null
}

/** All figures of a comparison. */
export interface CompareSummary {
  contestants: ContestantRow[]
  verdicts: Verdict[]
  ablations: AblationRow[]
}

/** Everything on the page. */
export interface ComparePage extends CompareSummary {
  name: string
  createdAt: string
  tokensPerStep: number
  setting: Facts
  machine: Facts
  /** What to type to go on. */
  commands: string[]
}
