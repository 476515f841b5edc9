// Routing: from a row's logits over experts to its top K, their weights, and the plan that sorts rows by expert.
//
//   p = softmax(logits)  (or sigmoid)        chosen = top K of p + bias        weight = p / sum of chosen p
//
// `bias` steers the choice only, never the weights: balancing without a loss (Wang et al. 2024, 2408.15664).
// Two losses of the router ride along: their gradients enter in backward, their values are only reported.
//   balance = E sum_i f_i P_i      f_i share of (row, slot) pairs that expert i got, P_i mean of p_i; 1 if uniform
//                                  (Fedus et al. 2021, Switch, eq. 4-6, for top K)
//   z       = mean lse(logits)^2   (Zoph et al. 2022, ST-MoE, eq. 5)
// Shapes: R rows, E experts, K experts a row, S = R*K pairs.
import { kernels } from '../native/index.ts'
import { empty, gradientOf, isRecording, type Parameter, record, type Tensor, writeGradient } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectCount, expectDtype, expectShape } from './check.ts'
import { type DispatchPlan, dispatchPlan } from './dispatch.ts'
import { type RouteSample, sampleRoute } from './routeSample.ts'

export interface RouteOptions {
  /** Experts a row, K. */
  topK: number
  /** Independent probabilities instead of softmax. Default false. */
  sigmoid?: boolean
  /** Divide the K weights by their sum. Default true. */
  renormalise?: boolean
  /** [E], added to the probabilities for the choice. Default none. */
  bias?: Float32Array
  /** [E], factor on the weights of each expert. Default none. */
  expertScale?: Parameter | null
  /** Weights of the two losses in the gradient. Default 0. */
  balanceCoefficient?: number
  zCoefficient?: number
}

export interface RouteResult {
  /** f32 [R, K], in order of falling probability. */
  weights: Tensor
  /** i32 [R, K]. */
  indices: Tensor
  /** [E]: rows that chose the expert. */
  counts: Int32Array
  /** 1 when uniform, E at worst; without its coefficient. */
  balanceLoss: number
  zLoss: number
  plan: DispatchPlan
  /** [E]: probabilities summed over rows (each row's normalised). */
  probSums?: Float32Array
  /** What some rows were like, inside `routeSampling`. */
  sample?: RouteSample | null
  /** (Row, expert) pairs that a capacity dropped. Default 0: none. */
  dropped?: number
}

/** @param logits f32 [R, E] */
export function route(logits: Tensor, options: RouteOptions): RouteResult {
  const { topK: K, sigmoid = false, renormalise = true, bias = null, expertScale = null } = options
  const [R, E] = check(logits, options)
  const weights = empty([R, K])
  const indices = empty([R, K], { dtype: 'i32' })
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
    K,
    sigmoid,
    renormalise,
  )
  const losses = routerLosses(counts, probSums, lse.floats, K)
  const sample = sampleRoute(probs.floats, bias, { experts: E, topK: K })
  const result = { weights, indices, counts, ...losses, plan: dispatchPlan(indices, E), probSums, sample }
  if (isRecording(logits, expertScale)) recordRoute(logits, { ...result, probs, lse }, options)
  else for (const tensor of [probs, lse]) tensor.release()
  return result
}

function recordRoute(
  logits: Tensor,
  forward: RouteResult & { probs: Tensor; lse: Tensor },
  options: RouteOptions,
): void {
  const { sigmoid = false, renormalise = true, expertScale = null } = options
  const { balanceCoefficient = 0, zCoefficient = 0 } = options
  const { weights, indices, counts, probs, lse } = forward
  const [R, E] = logits.shape
  const K = weights.shape[1]
  record({
    op: 'route',
    outputs: [weights],
    saved: [probs, lse],
    always: R > 0 && (balanceCoefficient !== 0 || zCoefficient !== 0),
    backward: () => {
      const dWeights = gradientOf(weights).floats
      // d (E sum_i f_i S_i / R) / d S_i, where S_i is the sum of p_i over rows
      const balance =
        balanceCoefficient === 0 ? null : Float32Array.from(counts, (n) => (balanceCoefficient * E * n) / (R * K * R))
      const backward = (dLogits: Float32Array): void =>
        kernels.routerBackward(
          dWeights,
          balance,
          zCoefficient / Math.max(1, R),
          expertScale?.floats ?? null,
          probs.floats,
          indices.ints,
          weights.floats,
          lse.floats,
          dLogits,
          expertScale?.requiresGrad ? expertScale.gradient().floats : null,
          R,
          E,
          K,
          sigmoid,
          renormalise,
        )
      if (logits.requiresGrad) {
        writeGradient(logits, (data) => backward(data as Float32Array))
        return
      }
      const unused = empty([R, E])
      backward(unused.floats)
      unused.release()
    },
  })
}

/** Values of the two losses; 0 without rows. */
function routerLosses(
  counts: Int32Array,
  probSums: Float32Array,
  lse: Float32Array,
  K: number,
): { balanceLoss: number; zLoss: number } {
  const [E, R] = [counts.length, lse.length]
  if (R === 0) return { balanceLoss: 0, zLoss: 0 }
  const balance = counts.reduce((sum, n, i) => sum + (n / (R * K)) * (probSums[i] / R), 0)
  const squares = lse.reduce((sum, x) => sum + x * x, 0)
  return { balanceLoss: E * balance, zLoss: squares / R }
}

function check(logits: Tensor, { topK, bias, expertScale }: RouteOptions): number[] {
  expectDtype('route', 'logits', logits, ['f32'])
  const [R, E] = expectShape('route', 'logits', logits, ['R', 'E'])
  expectCount('route', 'topK', topK)
  if (topK > E) throw new ShapeError('route', `topK must be at most the number of experts, ${E}`, topK)
  if (bias && bias.length !== E) throw new ShapeError('route', `bias must have ${E} entries`, bias.length)
  if (expertScale) expectShape('route', `expertScale (${expertScale.name})`, expertScale, [E])
  return [R, E]
}
