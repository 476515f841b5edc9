// How sure routers are, read off a few of their rows.
//
//   using _ = routeSampling()      every `route` in this block looks at up to 128 of its rows
//
// The rows are spread evenly over the batch; a row costs E logarithms, so that a layer of 16 experts pays some
// microseconds and training hardly notices (bench/recording). The whole batch would only sharpen the same means.
// Shapes: R rows, E experts, K experts a row.

/** Means over the rows that were looked at. */
export interface RouteSample {
  rows: number
  /** Of a row's distribution over experts, nats: 0 where one expert has it all, ln E where all are alike. */
  rowEntropy: number
  /** Score of the last expert chosen less that of the best one left out; NaN where all are chosen (K = E). */
  margin: number
}

let wanted = 0

/** Rows that every `route` looks at from here to the end of the block. Blocks nest. */
export function routeSampling(rows = 128): Disposable {
  const outer = wanted
  wanted = rows
  return {
    [Symbol.dispose]() {
      wanted = outer
    },
  }
}

/**
 * Looks at some rows; null outside `routeSampling`, and without rows.
 *
 * @param probs [R, E] softmax or sigmoid scores
 * @param bias [E], added to the scores for the choice
 */
export function sampleRoute(
  probs: Float32Array,
  bias: Float32Array | null,
  { experts: E, topK: K }: { experts: number; topK: number },
): RouteSample | null {
  const R = probs.length / E
  const rows = Math.min(wanted, R)
  if (rows === 0) return null
  const best = new Float64Array(K + 1)
  let [entropy, margin] = [0, 0]
  for (let i = 0; i < rows; i++) {
    const p = probs.subarray(Math.floor((i * R) / rows) * E, Math.floor((i * R) / rows) * E + E)
    entropy += entropyOf(p)
    largest(p, bias, best)
    margin += best[K - 1] - best[K]
  }
  return { rows, rowEntropy: entropy / rows, margin: K < E ? margin / rows : Number.NaN }
}

/** Entropy of a distribution in nats; what does not sum to 1 is divided by its sum. 0 for nothing. */
export function entropyOf(weights: ArrayLike<number>): number {
  let [sum, sumOfLogs] = [0, 0]
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i]
    if (!(w > 0)) continue
    sum += w
    sumOfLogs += w * Math.log(w)
  }
  return sum > 0 ? Math.max(0, Math.log(sum) - sumOfLogs / sum) : 0
}

/** The largest scores into `best`, falling. */
function largest(p: Float32Array, bias: Float32Array | null, best: Float64Array): void {
  best.fill(-Infinity)
  const last = best.length - 1
  for (let e = 0; e < p.length; e++) {
    const score = p[e] + (bias === null ? 0 : bias[e])
    if (!(score > best[last])) continue
    let at = last
    for (; at > 0 && best[at - 1] < score; at--) best[at] = best[at - 1]
    best[at] = score
  }
}
