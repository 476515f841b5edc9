// Embedding lookup in float64.

/** scale * table[ids[r]]; ids outside the table read zeros. */
export function embeddingReference(ids: Int32Array, table: Float64Array, dim: number, scale: number): Float64Array {
  const y = new Float64Array(ids.length * dim)
  ids.forEach((id, r) => {
    if (id < 0 || id * dim >= table.length) return
    for (let i = 0; i < dim; i++) y[r * dim + i] = scale * table[id * dim + i]
  })
  return y
}
