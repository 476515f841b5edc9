// Attention the obvious way, in float64 with the whole score matrix: what the kernels are tested against.
//
//   s_ij = cap tanh(scale q_i.k_j / cap),  visible where first_i <= j <= last_i
//   p = softmax_j(s),  o_i = sum_j p_ij v_j;  a query that sees nothing gives 0
//
// The backward is the textbook one: dv_j = sum_i p_ij do_i,  dp_ij = do_i.v_j,  ds_ij = p_ij (dp_ij - sum_j p_ij dp_ij).
// Letters: B batch, T time, H query heads, G key/value heads, C head width.

/** Sizes and constants of one attention. Query head h reads key/value head floor(h / (heads / kvHeads)). */
export interface AttentionShape {
  batch: number
  time: number
  heads: number
  kvHeads: number
  headDim: number
  scale: number
  /** 0: none. */
  softcap: number
}

/** q [B, T, H, C], k and v [B, T, G, C], first and last visible key of each query [B, T]. */
export interface AttentionInputs {
  q: ArrayLike<number>
  k: ArrayLike<number>
  v: ArrayLike<number>
  first: ArrayLike<number>
  last: ArrayLike<number>
}

/** Gradients in the shapes of q, k and v. */
export interface AttentionGradients {
  dq: Float64Array
  dk: Float64Array
  dv: Float64Array
}

interface Row {
  /** First element of the query (and of its output), in q. */
  query: number
  /** First element of key j, in k and v. */
  key: (j: number) => number
  /** Visible keys, probability and d(score)/d(scale q.k) of each. */
  keys: number[]
  probability: number[]
  slope: number[]
  lse: number
}

function dot(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, n: number): number {
  let sum = 0
  for (let c = 0; c < n; c++) sum += a[i + c] * b[j + c]
  return sum
}

function addScaled(target: Float64Array, i: number, factor: number, x: ArrayLike<number>, j: number, n: number): void {
  for (let c = 0; c < n; c++) target[i + c] += factor * x[j + c]
}

/** The softmax of one query of one head. */
function attentionRow(inputs: AttentionInputs, shape: AttentionShape, b: number, h: number, i: number): Row {
  const { time, heads, kvHeads, headDim, scale, softcap } = shape
  const query = ((b * time + i) * heads + h) * headDim
  const kvHead = Math.floor(h / (heads / kvHeads))
  const key = (j: number): number => ((b * time + j) * kvHeads + kvHead) * headDim
  const row: Row = { query, key, keys: [], probability: [], slope: [], lse: -Infinity }
  const scores: number[] = []
  for (let j = Math.max(0, inputs.first[b * time + i]); j <= Math.min(time - 1, inputs.last[b * time + i]); j++) {
    const score = scale * dot(inputs.q, query, inputs.k, key(j), headDim)
    const t = softcap > 0 ? Math.tanh(score / softcap) : 0
    row.keys.push(j)
    row.slope.push(1 - t * t)
    scores.push(softcap > 0 ? softcap * t : score)
  }
  if (scores.length === 0) return row
  const top = scores.reduce((a, x) => Math.max(a, x))
  row.lse = top + Math.log(scores.reduce((sum, x) => sum + Math.exp(x - top), 0))
  row.probability = scores.map((x) => Math.exp(x - row.lse))
  return row
}

/** Calls body for every query of every head, with the place of its log-sum-exp in [B, H, T]. */
function forEachRow(inputs: AttentionInputs, shape: AttentionShape, body: (row: Row, at: number) => void): void {
  for (let b = 0; b < shape.batch; b++)
    for (let h = 0; h < shape.heads; h++)
      for (let i = 0; i < shape.time; i++)
        body(attentionRow(inputs, shape, b, h, i), (b * shape.heads + h) * shape.time + i)
}

/** Output o [B, T, H, C] and log-sum-exp of each query's scores [B, H, T] (-Infinity where it sees nothing). */
export function attentionForward(
  inputs: AttentionInputs,
  shape: AttentionShape,
): { o: Float64Array; lse: Float64Array } {
  const o = new Float64Array(inputs.q.length)
  const lse = new Float64Array(shape.batch * shape.heads * shape.time)
  forEachRow(inputs, shape, (row, at) => {
    lse[at] = row.lse
    row.keys.forEach((j, x) => addScaled(o, row.query, row.probability[x], inputs.v, row.key(j), shape.headDim))
  })
  return { o, lse }
}

/** Gradients of sum(o * dO) for dO [B, T, H, C]. */
export function attentionBackward(
  inputs: AttentionInputs,
  dO: ArrayLike<number>,
  shape: AttentionShape,
): AttentionGradients {
  const { q, k, v } = inputs
  const { headDim, scale } = shape
  const dq = new Float64Array(q.length)
  const dk = new Float64Array(k.length)
  const dv = new Float64Array(v.length)
  forEachRow(inputs, shape, ({ query, key, keys, probability, slope }) => {
    const dp = keys.map((j) => dot(dO, query, v, key(j), headDim))
    const mean = dp.reduce((sum, x, n) => sum + probability[n] * x, 0)
    keys.forEach((j, n) => {
      const ds = probability[n] * (dp[n] - mean) * slope[n] * scale
      addScaled(dv, key(j), probability[n], dO, query, headDim)
      addScaled(dq, query, ds, k, key(j), headDim)
      addScaled(dk, key(j), ds, q, query, headDim)
    })
  })
  return { dq, dk, dv }
}
