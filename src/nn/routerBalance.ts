// State that keeps loads equal without a gradient: an offset b per expert, added to the scores for the choice only.
//
// Three rules move b, each once a step and from what all micro-batches of the step have seen (rows of padding left out):
//
//   bias      b += gamma sign(mean load - load), less the mean of the change           Wang et al. 2024, 2408.15664
//   quantile  towards the b at which a share K/E of the rows has the expert among its top K: -b is that quantile of what
//             the score of the expert exceeds the row's own threshold by               dual ascent of the assignment
//   sinkhorn  towards the b of the soft assignment with equal loads                    as Clark et al. 2022, 2202.01169
//
// All look back, never at the rows they steer, so training and inference choose by the same rule. gamma shrinks in a straight
// line over the run: large steps to get there, small ones not to swing about it. From `bias_until` on b stays. The loads of
// the last step are kept for the balance loss over the whole step (aux_scope 'global').
// Shapes: N rows, E experts, K experts a row.
import type { RouteResult } from '../ops/index.ts'
import { quantileOffsets, signStep, sinkhornOffsets } from './routerRules.ts'
import { warmUp } from './routerWarmup.ts'
import type { RoutingConfig } from './routingConfig.ts'

/** A named array of state. */
export interface RouterBuffer {
  name: string
  data: Float32Array
  /** Needed to go on training, not to use the model. */
  transient: boolean
}

/** Share of the sign rule's rate that is left at the end of a run. */
const lastRate = 0.1

/** Rows of a forward pass that the quantile and Sinkhorn rules look at, at most. */
const mostRows = 2048

export class RouterBalance {
  readonly buffers: RouterBuffer[]
  readonly #routing: RoutingConfig
  readonly #topK: number
  readonly #bias: Float32Array | null
  readonly #loads: Float32Array | null
  /** Loads of this step so far. */
  readonly #counts: Float64Array
  /** Sum and number of the offsets that the scores of this step ask for. */
  readonly #wanted: Float64Array
  #seen = 0

  constructor(name: string, { experts, topK, routing }: { experts: number; topK: number; routing: RoutingConfig }) {
    const steered = routing.balance !== 'aux' && routing.balance !== 'none'
    this.#routing = routing
    this.#topK = topK
    this.#bias = steered ? new Float32Array(experts) : null
    this.#loads = routing.aux_scope === 'global' ? new Float32Array(experts).fill(1 / experts) : null
    this.#counts = new Float64Array(experts)
    this.#wanted = new Float64Array(experts)
    this.buffers = []
    // the name that DeepSeek-V3 gives it in files
    if (this.#bias) this.buffers.push({ name: `${name}.e_score_correction_bias`, data: this.#bias, transient: false })
    if (this.#loads) this.buffers.push({ name: `${name}.loads`, data: this.#loads, transient: true })
  }

  /** [E], added to the scores for the choice; null: none. */
  get bias(): Float32Array | null {
    return this.#bias
  }

  /** [E], shares of the last step's pairs; null: each pass takes its own. */
  get loads(): Float32Array | null {
    return this.#loads
  }

  /** Whether a rule reads the scores of rows. */
  get needsScores(): boolean {
    return this.#routing.balance === 'quantile' || this.#routing.balance === 'sinkhorn'
  }

  observe({ counts, scores }: Pick<RouteResult, 'counts' | 'scores'>): void {
    counts.forEach((count, e) => (this.#counts[e] += count))
    if (!this.#bias || !scores || scores.length === 0) return
    const rule = this.#routing.balance === 'quantile' ? quantileOffsets : sinkhornOffsets
    rule(thinned(scores, counts.length), this.#bias, this.#topK).forEach((b, e) => (this.#wanted[e] += b))
    this.#seen++
  }

  /** @param progress null: the step was not taken, and nothing is learnt from it */
  endStep(progress: number | null): void {
    const total = this.#counts.reduce((sum, count) => sum + count, 0)
    if (progress !== null && total > 0) this.#follow(progress, total)
    this.#counts.fill(0)
    this.#wanted.fill(0)
    this.#seen = 0
  }

  #follow(progress: number, total: number): void {
    const { balance, bias_rate, bias_until } = this.#routing
    this.#loads?.forEach((_, e, loads) => (loads[e] = this.#counts[e] / total))
    if (!this.#bias) return
    // the sign rule has one size of step, whose swing only a smaller one ends
    const slower = balance === 'bias' ? 1 - (1 - lastRate) * progress : 1
    const left = progress >= bias_until ? 0 : slower
    const rate = bias_rate * left * warmUp(this.#routing, progress).balance
    if (rate === 0) return
    const change =
      balance === 'bias'
        ? signStep(this.#counts, rate)
        : this.#wanted.map((sum, e) => (this.#seen === 0 ? 0 : Math.min(1, rate) * (sum / this.#seen - this.#bias![e])))
    const mean = change.reduce((sum, x) => sum + x, 0) / change.length
    change.forEach((x, e) => (this.#bias![e] += x - mean))
  }
}

/** Rows spread evenly over all, `mostRows` at most. */
function thinned(scores: Float32Array, experts: number): Float32Array {
  const rows = scores.length / experts
  if (rows <= mostRows) return scores
  const kept = new Float32Array(mostRows * experts)
  for (let i = 0; i < mostRows; i++) {
    const row = Math.floor((i * rows) / mostRows)
    kept.set(scores.subarray(row * experts, (row + 1) * experts), i * experts)
  }
  return kept
}
