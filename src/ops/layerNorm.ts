// LayerNorm with factors and offsets (Ba et al. 2016, 1607.06450), and the offset of a linear map.
//
//   y = w * xhat + b,   xhat = (x - mean(x)) * rstd,   rstd = (mean((x - mean(x))^2) + eps)^(-1/2)
//   dx = rstd * (g - mean(g) - xhat * mean(g * xhat)),   g = w * dy
//
// Only the front ends of media use them, a few hundred rows a batch: plain loops, sums in float64, f32 only.
// Backward keeps mean and rstd, two numbers a row. Shapes: R rows, D width.
import {
  addGradient,
  empty,
  gradientOf,
  isRecording,
  type Parameter,
  record,
  takeGradient,
  type Tensor,
  writeGradient,
} from '../tensor/index.ts'
import { expectDtype, expectShape } from './check.ts'

export interface LayerNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
}

/**
 * @param x f32 [R, D]
 * @param w factors [D]
 * @param b offsets [D]; null: none
 * @returns f32 [R, D]
 */
export function layerNorm(x: Tensor, w: Parameter, b: Parameter | null, { eps = 1e-5 }: LayerNormOptions = {}): Tensor {
  expectDtype('layerNorm', 'x', x, ['f32'])
  const [R, D] = expectShape('layerNorm', 'x', x, ['R', 'D'])
  expectShape('layerNorm', `w (${w.name})`, w, [D])
  if (b) expectShape('layerNorm', `b (${b.name})`, b, [D])
  const y = empty([R, D])
  const statistics = empty([R, 2])
  normalise(x.floats, y.floats, statistics.floats, { w: w.data, b: b?.data ?? null, eps, D })
  if (!isRecording(x, w, b)) {
    statistics.release()
    return y
  }
  record({
    op: 'layerNorm',
    outputs: [y],
    saved: [statistics],
    backward: () => {
      const dy = gradientOf(y).floats
      const row = { x: x.floats, dy, statistics: statistics.floats, w: w.data, D }
      if (w.requiresGrad) addFactorGradient(row, w.gradient().floats)
      if (b?.requiresGrad) addColumnSums(dy, b.gradient().floats)
      if (x.requiresGrad) writeGradient(x, (dx) => inputGradient(row, dx as Float32Array))
    },
  })
  return y
}

/**
 * y[r, d] = x[r, d] + bias[d].
 *
 * @param x f32 [R, D]
 * @param bias [D]
 * @returns f32 [R, D]
 */
export function addBias(x: Tensor, bias: Parameter): Tensor {
  expectDtype('addBias', 'x', x, ['f32'])
  const [R, D] = expectShape('addBias', 'x', x, ['R', 'D'])
  expectShape('addBias', `bias (${bias.name})`, bias, [D])
  const y = empty([R, D])
  const [from, to, offsets] = [x.floats, y.floats, bias.data]
  for (let start = 0; start < R * D; start += D) {
    for (let d = 0; d < D; d++) to[start + d] = from[start + d] + offsets[d]
  }
  if (!isRecording(x, bias)) return y
  record({
    op: 'addBias',
    outputs: [y],
    backward: () => {
      if (bias.requiresGrad) addColumnSums(gradientOf(y).floats, bias.gradient().floats)
      if (x.requiresGrad) addGradient(x, takeGradient(y))
    },
  })
  return y
}

function normalise(
  x: Float32Array,
  y: Float32Array,
  statistics: Float32Array,
  { w, b, eps, D }: { w: Float32Array; b: Float32Array | null; eps: number; D: number },
): void {
  for (let r = 0, start = 0; start < x.length; r++, start += D) {
    let sum = 0
    for (let d = 0; d < D; d++) sum += x[start + d]
    const mean = sum / D
    let squares = 0
    for (let d = 0; d < D; d++) squares += (x[start + d] - mean) ** 2
    const rstd = 1 / Math.sqrt(squares / D + eps)
    statistics[2 * r] = mean
    statistics[2 * r + 1] = rstd
    for (let d = 0; d < D; d++) y[start + d] = (x[start + d] - mean) * rstd * w[d] + (b ? b[d] : 0)
  }
}

/** What backward reads of every row. */
interface Rows {
  x: Float32Array
  dy: Float32Array
  statistics: Float32Array
  w: Float32Array
  D: number
}

/** dw += sum over rows of dy * xhat. */
function addFactorGradient({ x, dy, statistics, D }: Rows, dw: Float32Array): void {
  for (let r = 0, start = 0; start < x.length; r++, start += D) {
    const [mean, rstd] = [statistics[2 * r], statistics[2 * r + 1]]
    for (let d = 0; d < D; d++) dw[d] += dy[start + d] * (x[start + d] - mean) * rstd
  }
}

/** Adds the sum of each column. */
function addColumnSums(dy: Float32Array, sums: Float32Array): void {
  const D = sums.length
  for (let start = 0; start < dy.length; start += D) {
    for (let d = 0; d < D; d++) sums[d] += dy[start + d]
  }
}

function inputGradient({ x, dy, statistics, w, D }: Rows, dx: Float32Array): void {
  for (let r = 0, start = 0; start < x.length; r++, start += D) {
    const [mean, rstd] = [statistics[2 * r], statistics[2 * r + 1]]
    let [sum, dot] = [0, 0]
    for (let d = 0; d < D; d++) {
      const g = dy[start + d] * w[d]
      sum += g
      dot += g * (x[start + d] - mean)
    }
    const [meanG, slope] = [sum / D, (dot * rstd * rstd) / D]
    for (let d = 0; d < D; d++) {
      dx[start + d] = rstd * (dy[start + d] * w[d] - meanG - (x[start + d] - mean) * slope)
    }
  }
}
