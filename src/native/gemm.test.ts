// Matrix products against a plain float64 product: all transpositions, dtypes, packed and not, odd sizes.
import { describe, expect, it } from 'vitest'
import { type Compute, kernels, type NumberArray } from './index.ts'
import { expectClose, fromBf16, normalArray, random, toBf16 } from '../testing/index.ts'

type Dtype = 'f32' | 'bf16'

function arrayOf(dtype: Dtype, values: Float32Array): NumberArray {
  return dtype === 'f32' ? values : toBf16(values)
}

function valuesOf(array: NumberArray): Float32Array {
  return array instanceof Float32Array ? array : fromBf16(array)
}

/** C[m,n] of float64, from operands already in the given orientations. */
function reference(
  a: Float32Array,
  b: Float32Array,
  m: number,
  n: number,
  k: number,
  ta: boolean,
  tb: boolean,
): Float64Array {
  const c = new Float64Array(m * n)
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let p = 0; p < k; p++) sum += a[ta ? p * m + i : i * k + p] * b[tb ? j * k + p : p * n + j]
      c[i * n + j] = sum
    }
  return c
}

/** Inputs of a bf16 product are rounded to bf16 first; sums of k products of unit size err by about sqrt(k) ulps. */
function tolerance(compute: Compute, out: Dtype, k: number): { rtol: number; atol: number } {
  const sum = 3e-6 * Math.sqrt(k + 1)
  if (out === 'bf16') return { rtol: 8e-3, atol: compute === 'bf16' ? 2e-2 * Math.sqrt(k + 1) : sum }
  return { rtol: 1e-5, atol: compute === 'bf16' ? 2e-2 * Math.sqrt(k + 1) : sum }
}

interface Case {
  m: number
  n: number
  k: number
  ta?: boolean
  tb?: boolean
  a?: Dtype
  b?: Dtype
  c?: Dtype
  compute?: Compute
  packed?: boolean
  accumulate?: boolean
  alpha?: number
  batch?: number
  offset?: number
}

function pack(b: NumberArray, tb: boolean, k: number, n: number, batch: number, compute: Compute): Uint8Array {
  const bytes = kernels.gemmPackedBytes(compute, k, n) * batch
  const packed = new Uint8Array(kernels.allocate(bytes))
  kernels.gemmPack(b, tb, k, n, batch, compute, packed)
  return packed
}

function check(test: Case): void {
  const {
    m,
    n,
    k,
    ta = false,
    tb = false,
    compute = 'f32',
    batch = 1,
    alpha = 1,
    accumulate = false,
    offset = 0,
  } = test
  const { a: da = compute, b: db = compute, c: dc = 'f32' } = test
  const rng = random(m * 7 + n * 3 + k)
  const a = arrayOf(da, normalArray(rng, batch * m * k + offset)).subarray(offset)
  const b = arrayOf(db, normalArray(rng, batch * k * n + offset)).subarray(offset)
  const c = arrayOf(dc, normalArray(rng, batch * m * n + offset)).subarray(offset)
  const before = valuesOf(c).slice()
  const packed = test.packed ? pack(b, tb, k, n, batch, compute) : null
  const [lda, ldb] = [ta ? m : k, tb ? k : n]
  kernels.gemm(
    a, packed ? null : b, packed, c, m, n, k, lda, ldb, n, batch, m * k, k * n, m * n, ta, tb, accumulate, compute, alpha,
  ) // prettier-ignore
  for (let e = 0; e < batch; e++) {
    const part = <T extends NumberArray>(x: T, size: number) => x.subarray(e * size, (e + 1) * size) as T
    const want = reference(valuesOf(part(a, m * k)), valuesOf(part(b, k * n)), m, n, k, ta, tb).map(
      (x, i) => alpha * x + (accumulate ? before[e * m * n + i] : 0),
    )
    // Operands that are bf16 already lose nothing in a bf16 product.
    const exact = compute === 'bf16' && da === 'bf16' && db === 'bf16'
    expectClose(valuesOf(part(c, m * n)), want, tolerance(exact ? 'f32' : compute, dc, k))
  }
}

const flags = [false, true]

describe('gemm', () => {
  for (const compute of ['f32', 'bf16'] as const) {
    for (const ta of flags)
      for (const tb of flags)
        for (const packed of flags)
          it(`${compute} ta=${ta} tb=${tb} packed=${packed} equals the plain product at odd sizes`, () => {
            for (const [m, n, k] of [
              [1, 1, 1],
              [2, 3, 5],
              [7, 17, 33],
              [13, 31, 64],
              [65, 47, 100],
              [33, 16, 32],
              [100, 130, 257],
            ])
              check({ m, n, k, ta, tb, packed, compute })
          })
    it(`${compute} converts between f32 and bf16 on the way in and out`, () => {
      for (const a of ['f32', 'bf16'] as const)
        for (const b of ['f32', 'bf16'] as const)
          for (const c of ['f32', 'bf16'] as const) check({ m: 29, n: 35, k: 70, a, b, c, compute })
    })
    it(`${compute} accumulates, scales and runs batches`, () => {
      for (const c of ['f32', 'bf16'] as const)
        for (const packed of flags)
          check({ m: 19, n: 37, k: 48, c, compute, packed, accumulate: true, alpha: 0.5, batch: 3 })
    })
    it(`${compute} sums more k than one block holds`, () => {
      for (const ta of flags) for (const c of ['f32', 'bf16'] as const) check({ m: 14, n: 18, k: 2500, ta, c, compute })
    })
    it(`${compute} takes arrays that start anywhere`, () => {
      for (const ta of flags) for (const tb of flags) check({ m: 30, n: 33, k: 64, ta, tb, compute, offset: 1 })
    })
    it(`${compute} leaves an empty product alone and writes zeros where k is 0`, () => {
      check({ m: 0, n: 5, k: 3, compute })
      check({ m: 5, n: 0, k: 3, compute })
      check({ m: 5, n: 20, k: 0, compute })
    })
    it(`${compute} ignores what lies in memory behind the rows of A`, () => {
      const [m, n, k] = [5, 20, 37]
      const a = arrayOf(compute, new Float32Array(m * k + 64).fill(Number.NaN))
      a.set(arrayOf(compute, new Float32Array(m * k).fill(1)))
      const b = arrayOf(compute, new Float32Array(k * n).fill(1))
      const c = new Float32Array(m * n)
      kernels.gemm(a, b, null, c, m, n, k, k, n, n, 1, 0, 0, 0, false, false, false, compute, 1)
      expect(new Set(c)).toEqual(new Set([k]))
    })
  }
  it('gives a row the same bits, however many rows are multiplied with it', () => {
    const [m, n, k] = [109, 109, 109]
    const rng = random(6)
    for (const compute of ['f32', 'bf16'] as const) {
      const [a, b] = [m * k, k * n].map((size) => arrayOf(compute, normalArray(rng, size)))
      const before = normalArray(rng, m * n)
      const multiply = (rows: NumberArray, c: Float32Array): Float32Array => {
        kernels.gemm(rows, b, null, c, c.length / n, n, k, k, n, n, 1, 0, 0, 0, false, false, true, compute, 2.0315) // prettier-ignore
        return c
      }
      const whole = multiply(a, before.slice())
      for (const row of [0, 50, 108]) {
        const alone = multiply(a.subarray(row * k, (row + 1) * k), before.slice(row * n, (row + 1) * n))
        expect(alone).toEqual(whole.slice(row * n, (row + 1) * n))
      }
    }
  })
  it('repeats bit for bit', () => {
    const rng = random(5)
    const [m, n, k] = [300, 200, 1500]
    const [a, b] = [toBf16(normalArray(rng, m * k)), toBf16(normalArray(rng, k * n))]
    const results = [0, 1, 2].map(() => {
      const c = new Float32Array(m * n)
      kernels.gemm(a, b, null, c, m, n, k, k, n, n, 1, 0, 0, 0, false, false, false, 'bf16', 1)
      return c
    })
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })
})
