// Routing: from a row's logits over experts to its top K, their weights, and the plan that sorts rows by expert.
//
//   p = softmax(logits)  (or sigmoid)        chosen = top K of p + bias        weight = p / sum of chosen p
//
// `bias` steers the choice only, never the weights: balancing without a loss (Wang et al. 2024, 2408.15664). `choose` puts
// another choice in the place of the top K (routeChoice.ts); weights and gradients are the same function of it.
// Two losses of the router ride along: their gradients enter in backward, their values are only reported.
//   balance = E sum_i f_i P_i      f_i share of (row, slot) pairs that expert i got, P_i mean of p_i (over its sum in the
//                                  row, under sigmoid: scores near 0 hide nothing); 1 if uniform
//                                  (Fedus et al. 2021, Switch, eq. 4-6, for top K)
//   z       = mean lse(logits)^2   (Zoph et al. 2022, ST-MoE, eq. 5)
// Rows of padding count for neither, nor for the loads. f is a constant to the gradient, so it may also be given: the loads
// of something larger than these rows (Qiu et al. 2025, 2501.11873).
// Shapes: R rows, E experts, K experts a row, S = R*K pairs.
import { kernels } from '../native/index.ts'
import {
  empty,
  fromArray,
  gradientOf,
  isRecording,
  type Parameter,
  record,
  type Tensor,
  writeGradient,
} from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectCount, expectDtype, expectShape } from './check.ts'
import { type DispatchPlan, dispatchPlan } from './dispatch.ts'
import { type RouteSample, sampleRoute } from './routeSample.ts'
import { type Choice, chosenWeights, wholeChoice } from './routeChoice.ts'
import { balanceGradient, routerLosses, sequencesOf, type Span, totalCounts, totalProbs } from './routeLosses.ts'

export interface RouteOptions {
  /** Experts a row, K. */
  topK: number
  /** Independent probabilities instead of softmax. Default false. */
  sigmoid?: boolean
  /** Divide the K weights by their sum. Default true; not with empty slots (expertChoice). */
  renormalise?: boolean
  /** [E], added to the probabilities for the choice. Default none. */
  bias?: Float32Array | null
  /** [E], factor on the weights of each expert. Default none. */
  expertScale?: Parameter | null
  /** Weights of the two losses in the gradient. Default 0. */
  balanceCoefficient?: number
  zCoefficient?: number
  /** Rows of a sequence: the balance loss is the mean of that of each. Default: all rows are one. */
  sequence?: number
  /** [E], the shares f (sum 1) to take the balance loss with. Default: those of each sequence. */
  loads?: Float32Array | null
  /** [R]: 1 where a row is padding. Default: none is. */
  padding?: Uint8Array
  /** Chooses from the probabilities [R, E], given the top K [R, K]. Default: the top K. */
  choose?: ((probs: Float32Array, top: Int32Array) => Choice) | null
  /** Hand out the probabilities. Default false. */
  keepScores?: boolean
}

export interface RouteResult {
  /** f32 [R, K], in order of falling probability (as `choose` has it); 0 where no expert is met. */
  weights: Tensor
  /** i32 [R, K]. */
  indices: Tensor
  /** [E]: rows that chose the expert, padding left out. */
  counts: Int32Array
  /** Pairs that were chosen and then dropped. */
  dropped: number
  /** 1 when uniform, E at worst; without its coefficient. */
  balanceLoss: number
  zLoss: number
  plan: DispatchPlan
  /** [E]: probabilities summed over rows that are no padding (each row's normalised). */
  probSums: Float32Array
  /** What some rows were like, inside `routeSampling`. */
  sample: RouteSample | null
  /** [rows that are no padding, E]: the probabilities, if they were to be kept. */
  scores: Float32Array | null
}

/** What backward needs beside the options. */
interface RouteForward {
  logits: Tensor
  weights: Tensor
  indices: Tensor
  probs: Tensor
  lse: Tensor
  /** Stretches of rows that share one gradient of the balance loss. */
  spans: Span[]
  /** Rows that count. */
  counted: number
  /** [R*K]: 0 where the weight is 0 whatever the logits; null: nowhere. */
  taken: Uint8Array | null
}

/** @param logits f32 [R, E] */
export function route(logits: Tensor, options: RouteOptions): RouteResult {
  const { topK, sigmoid = false, renormalise = true, bias = null, expertScale = null, choose } = options
  const [R, E] = check(logits, options)
  let weights = empty([R, topK])
  let indices = empty([R, topK], { dtype: 'i32' })
  const counts = new Int32Array(E)
  const probSums = new Float32Array(E)
  const [probs, lse] = [empty([R, E]), empty([R])]
  kernels.routerForward(
    logits.floats,
    bias,
    expertScale?.floats ?? null,
    probs.floats,
    indices.ints,
    weights.floats,
    counts,
    probSums,
    lse.floats,
    R,
    E,
    topK,
    sigmoid,
    renormalise,
  )
  let choice = wholeChoice(indices.ints, topK)
  if (choose) {
    choice = choose(probs.floats, indices.ints)
    if (choice.chosen && renormalise) {
      throw new ShapeError('route', 'renormalise must be false where slots are empty', 'true')
    }
    const chosen = chosenWeights(probs.floats, choice, { experts: E, renormalise, expertScale: expertScale?.floats })
    const given = [weights, indices]
    weights = fromArray(chosen, [R, choice.slots])
    indices = fromArray(choice.indices, [R, choice.slots], { dtype: 'i32' })
    for (const tensor of given) tensor.release()
    counts.fill(0)
    for (const e of choice.indices) counts[e]++
  }
  const pass = { probs: probs.floats, choice, counts, probSums }
  const spans = sequencesOf(pass, { ...options, rows: R, sigmoid })
  const { balanceLoss, zLoss, counted } = routerLosses(spans, lse.floats, options)
  const result = { weights, indices, counts: totalCounts(spans, E), dropped: choice.dropped, balanceLoss, zLoss }
  const plan = dispatchPlan(indices, E, choice.taken)
  const sample = sampleRoute(probs.floats, bias, { experts: E, topK })
  const scores = options.keepScores ? withoutPadding(probs.floats, E, options.padding) : null
  const { taken } = choice
  const forward = { logits, weights, indices, probs, lse, spans, counted, taken }
  if (isRecording(logits, expertScale)) recordRoute(forward, options)
  else for (const tensor of [probs, lse]) tensor.release()
  return { ...result, plan, probSums: totalProbs(spans), sample, scores }
}

function recordRoute(forward: RouteForward, options: RouteOptions): void {
  const { logits, weights, probs, lse, counted } = forward
  const { balanceCoefficient = 0, zCoefficient = 0 } = options
  record({
    op: 'route',
    outputs: [weights],
    saved: [probs, lse],
    always: counted > 0 && (balanceCoefficient !== 0 || zCoefficient !== 0),
    backward: () => {
      if (logits.requiresGrad) {
        writeGradient(logits, (data) => backward(forward, options, data as Float32Array))
        return
      }
      const unused = empty(logits.shape)
      backward(forward, options, unused.floats)
      unused.release()
    },
  })
}

/** Writes the gradient of the logits, adds that of the factors: span by span, each with its own balance. */
function backward(forward: RouteForward, options: RouteOptions, dLogits: Float32Array): void {
  const { logits, weights, indices, probs, lse, spans, counted } = forward
  const { sigmoid = false, renormalise = true, expertScale = null, padding } = options
  const { balanceCoefficient: coefficient = 0, zCoefficient = 0, loads } = options
  const [, E] = logits.shape
  const K = weights.shape[1]
  const dWeights = gradientOf(weights).floats
  forward.taken?.forEach((isTaken, pair) => {
    if (!isTaken) dWeights[pair] = 0
  })
  for (const span of spans) {
    const part = <T extends Float32Array | Int32Array>(array: T, width: number): T =>
      array.subarray(span.first * width, (span.first + span.rows) * width) as T
    kernels.routerBackward(
      part(dWeights, K),
      balanceGradient(span, { coefficient, spans, loads }),
      zCoefficient / Math.max(1, counted),
      expertScale?.floats ?? null,
      part(probs.floats, E),
      part(indices.ints, K),
      part(weights.floats, K),
      part(lse.floats, 1),
      part(dLogits, E),
      expertScale?.requiresGrad ? expertScale.gradient().floats : null,
      span.rows,
      E,
      K,
      sigmoid,
      renormalise,
    )
  }
  padding?.forEach((isPadding, row) => {
    if (isPadding) dLogits.fill(0, row * E, (row + 1) * E)
  })
}

/** A copy of the rows that are no padding. */
function withoutPadding(probs: Float32Array, E: number, padding?: Uint8Array): Float32Array {
  if (padding === undefined) return probs.slice()
  const rows = Array.from({ length: padding.length }, (_, row) => row).filter((row) => !padding[row])
  const kept = new Float32Array(rows.length * E)
  rows.forEach((row, i) => kept.set(probs.subarray(row * E, (row + 1) * E), i * E))
  return kept
}

function check(logits: Tensor, options: RouteOptions): number[] {
  const { topK, bias, expertScale, padding, loads, sequence } = options
  expectDtype('route', 'logits', logits, ['f32'])
  const [R, E] = expectShape('route', 'logits', logits, ['R', 'E'])
  expectCount('route', 'topK', topK)
  if (topK > E) throw new ShapeError('route', `topK must be at most the number of experts, ${E}`, topK)
  if (bias && bias.length !== E) throw new ShapeError('route', `bias must have ${E} entries`, bias.length)
  if (loads && loads.length !== E) throw new ShapeError('route', `loads must have ${E} entries`, loads.length)
  if (padding && padding.length !== R) throw new ShapeError('route', `padding must have ${R} entries`, padding.length)
  if (sequence !== undefined) expectCount('route', 'sequence', sequence)
  if (expertScale) expectShape('route', `expertScale (${expertScale.name})`, expertScale, [E])
  return [R, E]
}
