// Gated GELU in float64.

/** gelu_tanh(gate) * up of x [rows, 2 * inner], gate in the first half of each row. */
export function gegluReference(x: Float64Array, rows: number, inner: number): Float64Array {
  const y = new Float64Array(rows * inner)
  for (let r = 0; r < rows; r++)
    for (let i = 0; i < inner; i++) {
      const g = x[r * 2 * inner + i]
      const gelu = 0.5 * g * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (g + 0.044715 * g ** 3)))
      y[r * inner + i] = gelu * x[r * 2 * inner + inner + i]
    }
  return y
}
