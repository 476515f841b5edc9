import { expect, test } from 'vitest'
import { Rng } from '../util/index.ts'
import { kernels } from './index.ts'

const rng = new Rng(11)
const normal = (size: number) => Float32Array.from({ length: size }, () => rng.normal())

function packed(bits: number, w: Float32Array, n: number, k: number, count = 1): Uint8Array {
  const bytes = new Uint8Array(count * kernels.quantisedBytes(bits, k, n))
  kernels.quantisedPack(w, n, k, count, bits, bytes)
  return bytes
}

function multiply(bits: number, x: Float32Array, bytes: Uint8Array, [m, n, k]: readonly number[]): Float32Array {
  const y = new Float32Array(m * n)
  kernels.quantisedGemm(x, m, null, bytes, y, null, m, 1, n, k, bits)
  return y
}

/** Largest number of each group of 32 of each row, as `[row, group]`. */
const largest = (x: Float32Array, row: number, k: number, group: number) =>
  Math.max(0, ...x.subarray(row * k + group * 32, row * k + Math.min(k, group * 32 + 32)).map(Math.abs))

const shapes = [
  [1, 16, 64],
  [1, 1, 1],
  [2, 17, 31],
  [3, 40, 100],
  [7, 5, 33],
  [13, 130, 96],
  [100, 33, 257],
  [17, 64, 640],
] as const

for (const bits of [8, 4]) {
  test.each(shapes)(
    `${bits} bits: [%i rows, %i columns, k = %i] is within what rounding allows of float64`,
    (m, n, k) => {
      const [x, w] = [normal(m * k), normal(n * k)]
      const y = multiply(bits, x, packed(bits, w, n, k), [m, n, k])
      // half a step of each factor, and a bf16 scale that is off by 2^-9 at the ends of the range
      const [stepW, stepX] = [bits === 8 ? 0.5 / 127 + 2 ** -8 : 0.5 / 8 + 1 / 8, 0.5 / 127]
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let [sum, bound] = [0, 1e-5]
          for (let q = 0; q < k; q++) {
            const [mostX, mostW] = [largest(x, i, k, q >> 5), largest(w, j, k, q >> 5)]
            sum += x[i * k + q] * w[j * k + q]
            bound +=
              Math.abs(x[i * k + q]) * stepW * mostW +
              Math.abs(w[j * k + q]) * stepX * mostX +
              stepW * mostW * stepX * mostX
          }
          expect(Math.abs(y[i * n + j] - sum)).toBeLessThanOrEqual(bound)
        }
      }
    },
  )

  test(`${bits} bits: weights and rows that bytes hold exactly give the exact product`, () => {
    const [m, n, k] = [5, 37, 160]
    const most = bits === 8 ? 127 : 7
    const whole = (size: number, limit: number) =>
      Float32Array.from({ length: size }, () => Math.floor(rng.uniform() * (2 * limit + 1)) - limit)
    const [x, w] = [whole(m * k, 127), whole(n * k, most)]
    // the largest of each group sets its scale to 1 (of 4 bits -8 does)
    for (let at = 0; at < x.length; at += 32) x[at] = 127
    for (let at = 0; at < w.length; at += 32) w[at] = bits === 8 ? 127 : -8
    const y = multiply(bits, x, packed(bits, w, n, k), [m, n, k])
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let q = 0; q < k; q++) sum += x[i * k + q] * w[j * k + q]
        expect(y[i * n + j]).toBe(sum)
      }
    }
  })

  test(`${bits} bits: a row has the same bits alone as among many, and in any number of columns`, () => {
    const [m, n, k] = [29, 150, 224]
    const [x, w] = [normal(m * k), normal(n * k)]
    const all = multiply(bits, x, packed(bits, w, n, k), [m, n, k])
    for (const i of [0, 13, 28]) {
      const own = x.slice(i * k, (i + 1) * k)
      expect(multiply(bits, own, packed(bits, w, n, k), [1, n, k])).toEqual(all.slice(i * n, (i + 1) * n))
      const few = multiply(bits, own, packed(bits, w.slice(0, 33 * k), 33, k), [1, 33, k])
      expect(few).toEqual(all.slice(i * n, i * n + 33))
    }
  })

  test(`${bits} bits: each group of rows meets its own matrix, through an index`, () => {
    const [experts, n, k] = [5, 40, 64]
    const w = normal(experts * n * k)
    const x = normal(6 * k)
    const offsets = Int32Array.of(0, 2, 2, 9, 10, 12)
    const index = Int32Array.of(0, 5, 1, 1, 2, 3, 4, 5, 0, 3, 4, 2)
    const y = new Float32Array(12 * n)
    kernels.quantisedGemm(x, 6, index, packed(bits, w, n, k, experts), y, offsets, 12, experts, n, k, bits)
    for (let e = 0; e < experts; e++) {
      const bytes = packed(bits, w.slice(e * n * k, (e + 1) * n * k), n, k)
      for (let row = offsets[e]; row < offsets[e + 1]; row++) {
        const own = x.slice(index[row] * k, (index[row] + 1) * k)
        expect(y.slice(row * n, (row + 1) * n)).toEqual(multiply(bits, own, bytes, [1, n, k]))
      }
    }
  })

  test(`${bits} bits: what is not a number stays so, in its row alone`, () => {
    const [m, n, k] = [3, 20, 70]
    const [x, w] = [normal(m * k), normal(n * k)]
    x[k + 65] = NaN
    x[2 * k + 3] = Infinity
    const y = multiply(bits, x, packed(bits, w, n, k), [m, n, k])
    expect(y.subarray(0, n).every(Number.isFinite)).toBe(true)
    expect(y.subarray(n).every(Number.isNaN)).toBe(true)
  })

  test(`${bits} bits: zeros, no rows and no columns are products too`, () => {
    const w = new Float32Array(16 * 64)
    expect(multiply(bits, normal(64), packed(bits, w, 16, 64), [1, 16, 64])).toEqual(new Float32Array(16))
    expect(multiply(bits, new Float32Array(64), packed(bits, normal(16 * 64), 16, 64), [1, 16, 64])).toEqual(
      new Float32Array(16),
    )
    expect(multiply(bits, new Float32Array(0), packed(bits, w, 16, 64), [0, 16, 64])).toEqual(new Float32Array(0))
  })
}

test('rows of bf16 are the numbers that they are', () => {
  const [m, n, k] = [4, 20, 96]
  const bits16 = new Uint16Array(m * k)
  kernels.convert(normal(m * k), bits16, m * k)
  const x = new Float32Array(m * k)
  kernels.convert(bits16, x, m * k)
  const bytes = packed(8, normal(n * k), n, k)
  const y = new Float32Array(m * n)
  kernels.quantisedGemm(bits16, m, null, bytes, y, null, m, 1, n, k, 8)
  expect(y).toEqual(multiply(8, x, bytes, [m, n, k]))
})
