// Cross-entropy of a tied, soft-capped head in float64.

/**
 * Nats of each row, 0 where the target is -1; with z, z * lse^2 is added to the rows that count.
 *
 * @param x [R, D]
 * @param table [V, D]
 */
export function headLossReference(
  x: ArrayLike<number>,
  table: ArrayLike<number>,
  targets: ArrayLike<number>,
  { V, D, softcap = 0, z = 0 }: { V: number; D: number; softcap?: number; z?: number },
): Float64Array {
  return Float64Array.from({ length: targets.length }, (_, r) => {
    if (targets[r] < 0) return 0
    const logits = Float64Array.from({ length: V }, (_, v) => {
      let sum = 0
      for (let d = 0; d < D; d++) sum += x[r * D + d] * table[v * D + d]
      return softcap > 0 ? softcap * Math.tanh(sum / softcap) : sum
    })
    const max = logits.reduce((a, b) => Math.max(a, b), -Infinity)
    const lse = max + Math.log(logits.reduce((sum, l) => sum + Math.exp(l - max), 0))
    return lse - logits[targets[r]] + z * lse * lse
  })
}
