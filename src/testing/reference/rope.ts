// Rotary position embedding in float64; with rmsNormReference over rows * heads it is the per-head kernel.

/** Rotates the pairs (i, i + C/2) of x [rows, heads, C] by cos, sin [positions, C/2] at row positions[r]. */
export function ropeReference(
  x: Float64Array,
  cos: ArrayLike<number>,
  sin: ArrayLike<number>,
  positions: Int32Array,
  rows: number,
  heads: number,
  headDim: number,
): Float64Array {
  const y = new Float64Array(x.length)
  const half = headDim / 2
  for (let r = 0; r < rows; r++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < half; i++) {
        const at = (r * heads + h) * headDim + i
        const c = cos[positions[r] * half + i]
        const s = sin[positions[r] * half + i]
        y[at] = x[at] * c - x[at + half] * s
        y[at + half] = x[at + half] * c + x[at] * s
      }
  return y
}
