// RMSNorm in float64.

/** residual? + x / sqrt(mean(x^2) + eps) * w?, x [rows, dim]. */
export function rmsNormReference(
  x: Float64Array,
  w: Float64Array | null,
  residual: Float64Array | null,
  rows: number,
  dim: number,
  eps: number,
): Float64Array {
  const y = new Float64Array(rows * dim)
  for (let r = 0; r < rows; r++) {
    let squares = 0
    for (let i = 0; i < dim; i++) squares += x[r * dim + i] ** 2
    const rstd = 1 / Math.sqrt(squares / dim + eps)
    for (let i = 0; i < dim; i++) {
      y[r * dim + i] = (residual?.[r * dim + i] ?? 0) + x[r * dim + i] * rstd * (w?.[i] ?? 1)
    }
  }
  return y
}
