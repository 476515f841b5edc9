// The sort by expert and the weighted sum back, plainly.

export interface PlanReference {
  offsets: Int32Array
  pairOfRow: Int32Array
  rowOfPair: Int32Array
  tokenOfRow: Int32Array
}

/** Stable sort of the pairs by expert. */
export function planReference(indices: Int32Array, k: number, experts: number): PlanReference {
  const pairOfRow = Int32Array.from(Array.from(indices.keys()).sort((a, b) => indices[a] - indices[b] || a - b))
  const rowOfPair = new Int32Array(indices.length)
  pairOfRow.forEach((pair, row) => (rowOfPair[pair] = row))
  const offsets = new Int32Array(experts + 1)
  for (const e of indices) offsets[e + 1]++
  for (let e = 0; e < experts; e++) offsets[e + 1] += offsets[e]
  return { offsets, pairOfRow, rowOfPair, tokenOfRow: pairOfRow.map((pair) => Math.floor(pair / k)) }
}

/** out[t] = sum over j of weights?[t, j] * y[rowOfPair[t, j]]. */
export function combineReference(
  y: Float64Array,
  weights: Float64Array | null,
  rowOfPair: Int32Array,
  rows: number,
  k: number,
  dim: number,
): Float64Array {
  const out = new Float64Array(rows * dim)
  for (let pair = 0; pair < rows * k; pair++)
    for (let i = 0; i < dim; i++)
      out[Math.floor(pair / k) * dim + i] += (weights?.[pair] ?? 1) * y[rowOfPair[pair] * dim + i]
  return out
}
