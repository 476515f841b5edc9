// Choice of experts in float64, one row at a time.

export interface RouterOptions {
  rows: number
  experts: number
  k: number
  sigmoid: boolean
  renormalise: boolean
  bias?: ArrayLike<number> | null
  expertScale?: Float64Array | null
}

export interface RouterResult {
  probs: Float64Array
  indices: Int32Array
  weights: Float64Array
  counts: Int32Array
  probSums: Float64Array
  lse: Float64Array
}

/** What router_forward computes (native/kernels/kernels.h). */
export function routerReference(logits: Float64Array, options: RouterOptions): RouterResult {
  const { rows, experts, k, sigmoid, renormalise, bias, expertScale } = options
  const probs = new Float64Array(rows * experts)
  const indices = new Int32Array(rows * k)
  const weights = new Float64Array(rows * k)
  const counts = new Int32Array(experts)
  const probSums = new Float64Array(experts)
  const lse = new Float64Array(rows)
  for (let r = 0; r < rows; r++) {
    const l = logits.subarray(r * experts, (r + 1) * experts)
    lse[r] = Math.log(l.reduce((sum, value) => sum + Math.exp(value), 0))
    const p = l.map((value) => (sigmoid ? 1 / (1 + Math.exp(-value)) : Math.exp(value - lse[r])))
    probs.set(p, r * experts)
    const rowSum = sigmoid ? p.reduce((sum, value) => sum + value, 0) : 1
    for (let e = 0; e < experts; e++) probSums[e] += p[e] / rowSum
    const score = (e: number): number => p[e] + (bias?.[e] ?? 0)
    const order = Array.from({ length: experts }, (_, e) => e).sort((a, b) => score(b) - score(a) || a - b)
    const chosen = order.slice(0, k)
    const sum = renormalise ? chosen.reduce((total, e) => total + p[e], 0) : 1
    chosen.forEach((e, j) => {
      indices[r * k + j] = e
      weights[r * k + j] = (p[e] / sum) * (expertScale?.[e] ?? 1)
      counts[e]++
    })
  }
  return { probs, indices, weights, counts, probSums, lse }
}
