// LayerNorm in float64.

/** w * (x - mean) / sqrt(variance + eps) + b, x [rows, dim]. */
export function layerNormReference(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  b: ArrayLike<number>,
  dim: number,
  eps = 1e-5,
): Float64Array {
  const values = Float64Array.from(x)
  return values.map((_, i) => {
    const row = values.subarray(i - (i % dim), i - (i % dim) + dim)
    const mean = row.reduce((sum, value) => sum + value, 0) / dim
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / dim
    return ((values[i] - mean) / Math.sqrt(variance + eps)) * w[i % dim] + b[i % dim]
  })
}
