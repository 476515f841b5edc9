// The optimisers against short references in float64.
import { expect, test } from 'vitest'
import { Rng } from '../../util/index.ts'
import { fusedWeight, gatedExpertsWeight, matrixWeight, vectorWeight, type Weight } from '../weight.ts'
import { clipFactor, globalNorm } from './clip.ts'
import { Muon } from './muon.ts'
import { Optimizer } from './optimizer.ts'

type Matrix = number[][]

/** Values and gradients at random. */
function randomise(weights: Weight[], rng: Rng): void {
  for (const { parameter } of weights) {
    for (let i = 0; i < parameter.size; i++) parameter.data[i] = rng.normal()
    setGrad(parameter, () => rng.normal())
  }
}

function setGrad(parameter: Weight['parameter'], value: () => number): void {
  const grad = parameter.gradient()
  for (let i = 0; i < grad.size; i++) grad.data[i] = value()
}

/** Element j of the orthogonal factor that Muon's quintic iteration approaches, by the same iteration. */
function newtonSchulz(g: Matrix): Matrix {
  const tall = g.length > g[0].length
  let x = tall ? transpose(g) : g
  const norm = Math.hypot(...x.flat())
  x = x.map((row) => row.map((value) => value / (norm + 1e-7)))
  const [a, b, c] = [3.4445, -4.775, 2.0315]
  for (let i = 0; i < 5; i++) {
    const s = multiply(x, transpose(x))
    const s2 = multiply(s, s)
    const poly = s.map((row, r) => row.map((value, k) => b * value + c * s2[r][k]))
    const px = multiply(poly, x)
    x = x.map((row, r) => row.map((value, k) => a * value + px[r][k]))
  }
  return tall ? transpose(x) : x
}

function transpose(m: Matrix): Matrix {
  return m[0].map((_, j) => m.map((row) => row[j]))
}

function multiply(a: Matrix, b: Matrix): Matrix {
  const bt = transpose(b)
  return a.map((row) => bt.map((col) => row.reduce((sum, value, k) => sum + value * col[k], 0)))
}

function matrix(values: ArrayLike<number>, offset: number, rows: number, cols: number): Matrix {
  return Array.from({ length: rows }, (_, r) => Array.from({ length: cols }, (_, c) => values[offset + r * cols + c]))
}

test('AdamW follows the textbook over three steps, decaying matrices only', () => {
  const rng = new Rng(1)
  const weights = [matrixWeight('w', [3, 5], 'matrix'), vectorWeight('n', 7, 'norm')]
  randomise(weights, rng)
  const optimizer = new Optimizer(weights, { kind: 'adamw', weightDecay: 0.1 })
  const expected = weights.map(({ parameter }) => Float64Array.from(parameter.data))
  const moments = expected.map((values) => [new Float64Array(values.length), new Float64Array(values.length)])
  for (let step = 1; step <= 3; step++) {
    weights.forEach(({ parameter, role }, w) => {
      setGrad(parameter, () => rng.normal())
      const [m, v] = moments[w]
      expected[w].forEach((value, i) => {
        const g = 0.5 * parameter.grad!.data[i]
        m[i] = 0.9 * m[i] + 0.1 * g
        v[i] = 0.95 * v[i] + 0.05 * g * g
        const update = m[i] / (1 - 0.9 ** step) / (Math.sqrt(v[i] / (1 - 0.95 ** step)) + 1e-8)
        expected[w][i] = value * (1 - 0.01 * (role === 'matrix' ? 0.1 : 0)) - 0.01 * update
      })
    })
    optimizer.update({ learningRate: 0.01, matrixLearningRate: 9, gradScale: 0.5 })
  }
  weights.forEach(({ parameter }, w) => {
    expected[w].forEach((value, i) => expect(parameter.data[i]).toBeCloseTo(value, 5))
  })
})

test('Muon treats fused matrices and experts as the separate matrices they are', () => {
  const rng = new Rng(2)
  const weights = [
    matrixWeight('wide', [4, 6], 'matrix'),
    matrixWeight('tall', [6, 4], 'matrix'),
    fusedWeight('qkv', [4, 2, 2], 6),
    gatedExpertsWeight('experts', 3, 2, 5),
  ]
  randomise(weights, rng)
  const before = weights.map(({ parameter }) => Float64Array.from(parameter.data))
  const muon = new Muon(weights, { weightDecay: () => 0.1, compute: 'f32' })
  muon.update({ learningRate: 0.02, gradScale: 0.5, step: 1 })
  weights.forEach(({ parameter, parts }, w) => {
    for (const { offset, count, rows, cols } of parts) {
      for (let i = 0; i < count; i++) {
        const at = offset + i * rows * cols
        // at the first step momentum and Nesterov's look-ahead are multiples of the gradient
        const direction = newtonSchulz(matrix(parameter.grad!.data, at, rows, cols)).flat()
        const gain = 0.02 * Math.sqrt(Math.max(1, rows / cols))
        direction.forEach((d, j) => {
          expect(parameter.data[at + j]).toBeCloseTo(before[w][at + j] * (1 - 0.02 * 0.1) - gain * d, 4)
        })
      }
    }
  })
})

test('the global norm is that of all gradients in one vector, and clipping brings it to the limit', () => {
  const weights = [matrixWeight('a', [9, 11], 'matrix'), vectorWeight('b', 1025, 'norm')]
  randomise(weights, new Rng(3))
  const all = weights.flatMap(({ parameter }) => [...parameter.grad!.data])
  const norm = globalNorm(weights)
  expect(norm).toBeCloseTo(Math.hypot(...all), 3)
  expect(clipFactor(norm, 1) * norm).toBeCloseTo(1, 12)
  expect(clipFactor(0.5, 1)).toBe(1)
  expect(clipFactor(100, 0)).toBe(1)
})

test('Muon takes the matrices every token meets, and the experts only if it is to take all', () => {
  const rng = new Rng(4)
  const weights = [matrixWeight('m', [4, 6], 'matrix'), gatedExpertsWeight('experts', 3, 2, 5)]
  const updated = (
    rates: { learningRate: number; matrixLearningRate: number },
    kind: 'muon' | 'muon-all' = 'muon',
  ): boolean[] => {
    randomise(weights, rng)
    const before = weights.map(({ parameter }) => parameter.data.slice())
    new Optimizer(weights, { kind, weightDecay: 0, compute: 'f32' }).update({ ...rates, gradScale: 1 })
    return weights.map(({ parameter }, i) => parameter.data.some((x, j) => x !== before[i][j]))
  }
  expect(updated({ learningRate: 0, matrixLearningRate: 0.1 })).toEqual([true, false])
  expect(updated({ learningRate: 0.1, matrixLearningRate: 0 })).toEqual([false, true])
  expect(updated({ learningRate: 0, matrixLearningRate: 0.1 }, 'muon-all')).toEqual([true, true])
})
