// Products in float64, written as sums.

type Numbers = ArrayLike<number>

/** y[r, n] = sum_k x[r, k] w[n, k]; sizes [R, K] and [N, K]. */
export function linearReference(x: Numbers, w: Numbers, [R, N, K]: [R: number, N: number, K: number]): Float64Array {
  const y = new Float64Array(R * N)
  for (let r = 0; r < R; r++)
    for (let n = 0; n < N; n++) for (let k = 0; k < K; k++) y[r * N + n] += x[r * K + k] * w[n * K + k]
  return y
}

/**
 * Row s of the result is W_e times row `source(s)` of x, where e is the expert of s.
 *
 * @param expertOfRow expert of each of the S sorted rows
 * @param rowOfX row of x that each of them reads
 */
export function groupedLinearReference(
  x: Numbers,
  w: Numbers,
  [N, K]: [N: number, K: number],
  { expertOfRow, rowOfX }: { expertOfRow: Numbers; rowOfX: Numbers },
): Float64Array {
  const y = new Float64Array(expertOfRow.length * N)
  for (let s = 0; s < expertOfRow.length; s++)
    for (let n = 0; n < N; n++)
      for (let k = 0; k < K; k++) y[s * N + n] += x[rowOfX[s] * K + k] * w[(expertOfRow[s] * N + n) * K + k]
  return y
}
