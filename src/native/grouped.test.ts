// Grouped products against plain loops: any number of rows a group, gathered and scattered.
import { describe, expect, it } from 'vitest'
import { expectClose, fromBf16, normalArray, random, toBf16 } from '../testing/index.ts'
import { type Compute, kernels } from './index.ts'

const groups = 5
/** Zero rows, one row, a crowd, and a crowd larger than one block. */
const offsets = Int32Array.from([0, 0, 1, 14, 230, 260])
const rows = 260
const tokens = 90

function setup(seed: number, n: number, k: number) {
  const rng = random(seed)
  const x = toBf16(normalArray(rng, tokens * k))
  const w = toBf16(normalArray(rng, groups * n * k))
  const dy = toBf16(normalArray(rng, rows * n))
  const index = Int32Array.from({ length: rows }, () => Math.floor(rng.uniform() * tokens))
  return { x, w, dy, index, xs: fromBf16(x), ws: fromBf16(w), dys: fromBf16(dy) }
}

/** y[row, n] = x[index[row], k] w_e[n, k]^T for the group e of the row. */
function forward({ xs, ws, index }: ReturnType<typeof setup>, n: number, k: number): Float64Array {
  const y = new Float64Array(rows * n)
  for (let e = 0; e < groups; e++)
    for (let r = offsets[e]; r < offsets[e + 1]; r++)
      for (let j = 0; j < n; j++)
        for (let p = 0; p < k; p++) y[r * n + j] += xs[index[r] * k + p] * ws[(e * n + j) * k + p]
  return y
}

/** dw_e[n, k] = sum over the rows of e of dy[row, n] x[index[row], k]. */
function outer({ xs, dys, index }: ReturnType<typeof setup>, n: number, k: number): Float64Array {
  const dw = new Float64Array(groups * n * k)
  for (let e = 0; e < groups; e++)
    for (let r = offsets[e]; r < offsets[e + 1]; r++)
      for (let j = 0; j < n; j++)
        for (let p = 0; p < k; p++) dw[(e * n + j) * k + p] += dys[r * n + j] * xs[index[r] * k + p]
  return dw
}

const sizes = [
  [16, 32],
  [37, 50],
  [1, 1],
  [130, 70],
]
const tolerance = (k: number) => ({ rtol: 1e-5, atol: 3e-6 * Math.sqrt(k) })

for (const compute of ['f32', 'bf16'] as Compute[]) {
  describe(`grouped products in ${compute}`, () => {
    it('multiply every row by the matrix of its group, packed or not', () => {
      for (const [n, k] of sizes) {
        const data = setup(n + k, n, k)
        const want = forward(data, n, k)
        const packed = new Uint8Array(kernels.allocate(groups * kernels.gemmPackedBytes(compute, k, n)))
        kernels.gemmPack(data.w, true, k, n, groups, compute, packed)
        for (const use of [null, packed]) {
          const y = new Float32Array(rows * n)
          kernels.groupedGemm(data.x, data.index, use ? null : data.w, use, y, null, offsets, groups, n, k, true, false, compute) // prettier-ignore
          expectClose(y, want, tolerance(k))
        }
      }
    })
    it('scatter rows to their places and add where asked', () => {
      const [n, k] = [37, 50]
      const data = setup(9, n, k)
      const want = forward(data, n, k)
      const place = Int32Array.from({ length: rows }, (_, r) => (r * 7) % rows)
      const y = new Float32Array(rows * n).fill(1)
      kernels.groupedGemm(data.x, data.index, data.w, null, y, place, offsets, groups, n, k, true, true, compute)
      const moved = new Float64Array(rows * n)
      for (let r = 0; r < rows; r++) for (let j = 0; j < n; j++) moved[place[r] * n + j] = want[r * n + j] + 1
      expectClose(y, moved, tolerance(k))
    })
    it('sum weight gradients per group, overwriting or adding', () => {
      for (const [n, k] of sizes) {
        const data = setup(n * k, n, k)
        const want = outer(data, n, k)
        for (const accumulate of [false, true]) {
          const dw = new Float32Array(groups * n * k).fill(2)
          kernels.groupedOuter(data.dy, null, data.x, data.index, dw, offsets, groups, n, k, accumulate, compute)
          expectClose(
            dw,
            want.map((value) => value + (accumulate ? 2 : 0)),
            tolerance(rows),
          )
        }
      }
    })
    it('leave everything alone when no group has rows', () => {
      const none = new Int32Array(groups + 1)
      const y = new Float32Array(0)
      kernels.groupedGemm(new Float32Array(0), null, new Float32Array(groups * 6), null, y, null, none, groups, 2, 3, true, false, compute) // prettier-ignore
      const dw = new Float32Array(groups * 6).fill(3)
      kernels.groupedOuter(new Float32Array(0), null, new Float32Array(0), null, dw, none, groups, 2, 3, true, compute)
      expect(new Set(dw)).toEqual(new Set([3]))
      kernels.groupedOuter(new Float32Array(0), null, new Float32Array(0), null, dw, none, groups, 2, 3, false, compute)
      expect(new Set(dw)).toEqual(new Set([0]))
    })
  })
}
