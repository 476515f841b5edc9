// Memory-bound kernels (norms, rotation, GEGLU, whole-array arithmetic, AdamW) against float64 references; gradients
// against finite differences of those. Sizes straddle every vector width; arrays start off alignment.
import { describe, expect, it } from 'vitest'
import { kernels, type NumberArray } from './index.ts'
import {
  adamwReference,
  dotProduct,
  expectClose,
  finiteDifference,
  fromBf16,
  gegluReference,
  normalArray,
  random,
  rmsNormReference,
  ropeReference,
  toBf16,
} from '../testing/index.ts'

type Dtype = 'f32' | 'bf16'
const dtypes: Dtype[] = ['f32', 'bf16']
const sizes = [1, 7, 17, 33, 100]
const tolerances = { f32: { rtol: 2e-5, atol: 2e-5 }, bf16: { rtol: 1e-2, atol: 1e-2 } }
const rng = random(7)

/** Values as the kernel sees them (rounded if bf16, one element off alignment) and as float64. */
function input(dtype: Dtype, size: number): { array: NumberArray; exact: Float64Array } {
  const values = normalArray(rng, size + 1)
  const array = (dtype === 'f32' ? values : toBf16(values)).subarray(1)
  return { array, exact: Float64Array.from(valuesOf(array)) }
}
function output(dtype: Dtype, size: number): NumberArray {
  return (dtype === 'f32' ? new Float32Array(size + 1) : new Uint16Array(size + 1)).subarray(1)
}
function valuesOf(array: NumberArray): Float32Array {
  return array instanceof Float32Array ? array : fromBf16(array)
}

describe.each(dtypes)('kernels on %s', (dtype) => {
  const tolerance = tolerances[dtype]

  it.each(sizes)('normalises rows of %i and adds the residual', (dim) => {
    const rows = 5
    const x = input(dtype, rows * dim)
    const w = input(dtype, dim)
    const residual = input(dtype, rows * dim)
    const y = output(dtype, rows * dim)
    kernels.rmsnormForward(x.array, w.array, residual.array, y, null, rows, dim, 1e-6)
    expectClose(valuesOf(y), rmsNormReference(x.exact, w.exact, residual.exact, rows, dim, 1e-6), tolerance)
    kernels.rmsnormForward(x.array, null, null, y, null, rows, dim, 1e-6)
    expectClose(valuesOf(y), rmsNormReference(x.exact, null, null, rows, dim, 1e-6), tolerance)
  })

  it.each(sizes)('has the gradient of the norm of rows of %i', (dim) => {
    const rows = 3
    const x = input(dtype, rows * dim)
    const w = input(dtype, dim)
    const dy = input(dtype, rows * dim)
    const rstd = new Float32Array(rows)
    kernels.rmsnormForward(x.array, w.array, null, output(dtype, rows * dim), rstd, rows, dim, 0.1)
    const dx = output(dtype, rows * dim)
    const dw = new Float32Array(dim).fill(2)
    kernels.rmsnormBackward(dy.array, x.array, w.array, rstd, dx, false, dw, rows, dim)
    const loss = (): number => dotProduct(rmsNormReference(x.exact, w.exact, null, rows, dim, 0.1), dy.exact)
    const expected = finiteDifference(loss, x.exact)
    expectClose(valuesOf(dx), expected, tolerance, 'dx')
    expectClose(
      dw,
      finiteDifference(loss, w.exact).map((value) => value + 2),
      tolerances.f32,
      'dw',
    )
    kernels.rmsnormBackward(dy.array, x.array, w.array, rstd, dx, true, null, rows, dim)
    expectClose(
      valuesOf(dx),
      expected.map((value) => 2 * value),
      { rtol: 2e-2, atol: 2 * tolerance.atol },
      'dx twice',
    )
  })

  it.each([2, 14, 34, 64])('normalises and rotates heads of %i inside a wider row, and back', (headDim) => {
    const [rows, heads, half] = [3, 2, headDim / 2]
    const [width, stride] = [heads * headDim, heads * headDim + 5]
    const x = input(dtype, rows * stride)
    const w = input(dtype, headDim)
    const dy = input(dtype, rows * width)
    const angles = normalArray(rng, 4 * half)
    const [cos, sin] = [angles.map(Math.cos), angles.map(Math.sin)]
    const positions = Int32Array.of(3, 0, 2)
    const forward = (): Float64Array => {
      const dense = new Float64Array(rows * width)
      for (let r = 0; r < rows; r++) dense.set(x.exact.subarray(r * stride, r * stride + width), r * width)
      const normed = rmsNormReference(dense, w.exact, null, rows * heads, headDim, 0.1)
      return ropeReference(normed, cos, sin, positions, rows, heads, headDim)
    }
    const y = output(dtype, rows * width)
    const rstd = new Float32Array(rows * heads)
    kernels.headNormRopeForward(x.array, stride, w.array, cos, sin, positions, y, rstd, rows, heads, headDim, 0.1)
    expectClose(valuesOf(y), forward(), tolerance, 'y')
    const dx = output(dtype, rows * stride)
    const dw = new Float32Array(headDim)
    kernels.headNormRopeBackward(
      ...([dy.array, x.array, stride, w.array, cos, sin, positions, rstd] as const),
      ...([dx, stride, dw, rows, heads, headDim] as const),
    )
    const loss = (): number => dotProduct(forward(), dy.exact)
    expectClose(valuesOf(dx), finiteDifference(loss, x.exact), tolerance, 'dx')
    expectClose(dw, finiteDifference(loss, w.exact), tolerances.f32, 'dw')
  })

  it.each(sizes)('computes GEGLU of inner width %i and its gradient', (inner) => {
    const rows = 3
    const x = input(dtype, rows * 2 * inner)
    const dy = input(dtype, rows * inner)
    const y = output(dtype, rows * inner)
    kernels.gegluForward(x.array, y, rows, inner)
    expectClose(valuesOf(y), gegluReference(x.exact, rows, inner), tolerance, 'y')
    const dx = output(dtype, rows * 2 * inner)
    kernels.gegluBackward(dy.array, x.array, dx, rows, inner)
    const loss = (): number => dotProduct(gegluReference(x.exact, rows, inner), dy.exact)
    expectClose(valuesOf(dx), finiteDifference(loss, x.exact), tolerance, 'dx')
  })

  it.each([0, ...sizes, 40000])('converts, adds, multiplies and squares %i numbers', (n) => {
    const a = input(dtype, n)
    const b = input('f32', n)
    const y = output(dtype, n)
    kernels.convert(b.array, y, n)
    expectClose(valuesOf(y), b.exact, tolerance, 'convert')
    kernels.axpby(2, a.array, -3, b.array, y, n)
    expectClose(
      valuesOf(y),
      a.exact.map((value, i) => 2 * value - 3 * b.exact[i]),
      tolerance,
      'axpby',
    )
    kernels.multiply(a.array, b.array, y, n)
    expectClose(
      valuesOf(y),
      a.exact.map((value, i) => value * b.exact[i]),
      tolerance,
      'multiply',
    )
    const squares = dotProduct(a.exact, a.exact)
    expect(Math.abs(kernels.sumSquares(a.array, n) - squares)).toBeLessThanOrEqual(1e-5 * squares)
  })
})

describe('adamw', () => {
  it.each([0, ...sizes, 20000])('takes the step of the reference on %i numbers', (n) => {
    const [p, g, m] = [input('f32', n), input('f32', n), input('f32', n)]
    const v = {
      array: (m.array as Float32Array).map((value) => value * value),
      exact: m.exact.map((value) => value * value),
    }
    const o = { lr: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, gradScale: 0.5, step: 3 }
    const arrays = [p.array, g.array, m.array, v.array] as [Float32Array, Float32Array, Float32Array, Float32Array]
    kernels.adamw(...arrays, n, o.lr, o.beta1, o.beta2, o.eps, o.weightDecay, o.gradScale, o.step)
    adamwReference(p.exact, g.exact, m.exact, v.exact, o)
    expectClose(p.array, p.exact, tolerances.f32, 'p')
    expectClose(m.array, m.exact, tolerances.f32, 'm')
    expectClose(v.array, v.exact, tolerances.f32, 'v')
  })
})

it.each([1, 15, 16, 1000, 70_001])(
  'softcap of %i numbers is cap tanh(x / cap), the same wherever a number stands',
  (n) => {
    const x = Float32Array.from({ length: n }, (_, i) => ((i * 37) % 400) - 200 + 0.25)
    const y = x.slice()
    kernels.softcap(y, 30, n)
    for (let i = 0; i < n; i++) expect(Math.abs(y[i] - 30 * Math.tanh(x[i] / 30))).toBeLessThan(2e-5)
    for (let i = 400; i < n; i++) expect(y[i]).toBe(y[i - 400])
  },
)
