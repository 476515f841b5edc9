// Muon against the same iteration written plainly in float64, and against what it is for: singular values near 1.
import { describe, expect, it } from 'vitest'
import { expectClose, normalArray, random } from '../testing/index.ts'
import { type Compute, kernels } from './index.ts'

type Matrix = number[][]
const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, x, k) => sum + x * b[k][j], 0)))
const transpose = (a: Matrix): Matrix => a[0].map((_, j) => a.map((row) => row[j]))

interface Step {
  lr: number
  momentum: number
  weightDecay: number
  gradScale: number
}

/** The orthogonalised update [rows, cols] of u: five Newton-Schulz iterations. */
function orthogonalise(u: Matrix): Matrix {
  const tall = u.length > u[0].length
  const norm = Math.hypot(...u.flat())
  let x = (tall ? transpose(u) : u).map((row) => row.map((value) => value / norm))
  for (let i = 0; i < 5; i++) {
    const a = product(x, transpose(x))
    const aa = product(a, a)
    const bx = product(
      a.map((row, r) => row.map((value, c) => -4.775 * value + 2.0315 * aa[r][c])),
      x,
    )
    x = x.map((row, r) => row.map((value, c) => 3.4445 * value + bx[r][c]))
  }
  return tall ? transpose(x) : x
}

/** One step on one matrix, in float64; changes p and m. */
function reference(p: Float64Array, g: Float64Array, m: Float64Array, rows: number, cols: number, step: Step): void {
  const update = Array.from(g, (value, i) => {
    const grad = (1 - step.momentum) * step.gradScale * value
    m[i] = step.momentum * m[i] + grad
    return step.momentum * m[i] + grad
  })
  const matrix = Array.from({ length: rows }, (_, r) => update.slice(r * cols, (r + 1) * cols))
  const x = orthogonalise(matrix)
  const scale = step.lr * Math.sqrt(Math.max(1, rows / cols))
  for (let i = 0; i < p.length; i++)
    p[i] = p[i] * (1 - step.lr * step.weightDecay) - scale * x[Math.floor(i / cols)][i % cols]
}

const step: Step = { lr: 0.1, momentum: 0.9, weightDecay: 0.01, gradScale: 0.5 }

function check(batch: number, rows: number, cols: number, compute: Compute, atol: number): void {
  const rng = random(rows * 100 + cols)
  const size = rows * cols
  const [p, g, m] = [0, 1, 2].map(() => normalArray(rng, batch * size))
  const [wantP, wantG, wantM] = [p, g, m].map((x) => Float64Array.from(x))
  for (let e = 0; e < batch; e++) {
    const part = (x: Float64Array) => x.subarray(e * size, (e + 1) * size)
    reference(part(wantP), part(wantG), part(wantM), rows, cols, step)
  }
  kernels.muon(p, g, m, batch, rows, cols, step.lr, step.momentum, step.weightDecay, step.gradScale, compute)
  expectClose(m, wantM, { rtol: 1e-5, atol: 1e-6 }, 'momentum')
  expectClose(p, wantP, { rtol: 1e-5, atol }, 'parameters')
}

describe('muon', () => {
  const shapes = [
    [1, 1, 1],
    [1, 20, 33],
    [3, 33, 20],
    [2, 16, 16],
    [1, 70, 17],
    [1, 5, 100],
    [5, 12, 100],
    [5, 33, 20],
    [4, 20, 33],
    [6, 16, 16],
    [3, 130, 17],
    [2, 1, 7],
  ]
  it('in f32 equals the plain iteration, wide, tall, square and in batches', () => {
    for (const [batch, rows, cols] of shapes) check(batch, rows, cols, 'f32', 2e-5)
  })
  it('in bf16 stays near it: the iteration amplifies rounding, the step is bounded by lr', () => {
    for (const [batch, rows, cols] of shapes) check(batch, rows, cols, 'bf16', 0.02)
  })
  it('makes an update whose singular values lie near 1', () => {
    const [rows, cols] = [24, 48]
    const p = new Float32Array(rows * cols)
    const g = normalArray(random(3), rows * cols)
    kernels.muon(p, g, new Float32Array(rows * cols), 1, rows, cols, 1, 0.95, 0, 1, 'f32')
    const x = Array.from({ length: rows }, (_, r) => Array.from(p.subarray(r * cols, (r + 1) * cols)))
    const gram = product(x, transpose(x))
    const trace = gram.reduce((sum, row, i) => sum + row[i], 0)
    // Mean of the squared singular values: the polynomial's fixed interval is about [0.7, 1.2].
    expect(trace / rows).toBeGreaterThan(0.5)
    expect(trace / rows).toBeLessThan(1.4)
  })
  it('keeps a gradient of few directions bounded in long matrices', () => {
    const [rows, cols] = [24, 192]
    const rng = random(5)
    const left = normalArray(rng, rows)
    const right = normalArray(rng, cols)
    const g = Float32Array.from({ length: rows * cols }, (_, i) => left[Math.floor(i / cols)] * right[i % cols])
    const p = new Float32Array(rows * cols)
    kernels.muon(p, g, new Float32Array(rows * cols), 1, rows, cols, 1, 0.95, 0, 1, 'f32')
    const want = orthogonalise(Array.from({ length: rows }, (_, r) => Array.from(g.subarray(r * cols, (r + 1) * cols))))
    expectClose(
      p,
      want.flat().map((x) => -x),
      { rtol: 0, atol: 2e-3 },
    )
  })
  it('does not depend on the scale of the gradient', () => {
    const run = (factor: number) => {
      const p = new Float32Array(12 * 8)
      const g = normalArray(random(4), 12 * 8).map((x) => x * factor)
      kernels.muon(p, g, new Float32Array(12 * 8), 1, 12, 8, 1, 0.9, 0, 1, 'f32')
      return p
    }
    expectClose(run(1e-3), run(1e3), { rtol: 1e-3, atol: 1e-4 })
  })
})
