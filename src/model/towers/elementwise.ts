// Small steps of the towers, element by element, on f32 arrays in place. Towers are frozen: nothing here has a gradient.
import { empty, type Tensor } from '../../tensor/index.ts'

/** x -> min(max(x, low), high), in place. */
export function clamp(x: Float32Array, low: number, high: number): void {
  if (low === -Infinity && high === Infinity) return
  for (let i = 0; i < x.length; i++) x[i] = Math.min(Math.max(x[i], low), high)
}

/** x within the bounds: x itself where it is, else a copy. */
export function clamped(x: Tensor, low: number, high: number): Tensor {
  if (x.floats.every((value) => value >= low && value <= high)) return x
  const y = empty(x.shape)
  y.floats.set(x.floats)
  clamp(y.floats, low, high)
  return y
}

/** x -> x sigmoid(x), in place (Elfwing et al. 2017, 1702.03118). */
export function silu(x: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i] /= 1 + Math.exp(-x[i])
}

/** x -> max(x, 0), in place. */
export function relu(x: Float32Array): void {
  for (let i = 0; i < x.length; i++) if (x[i] < 0) x[i] = 0
}

/** Rows [a | b] of x [R, 2C] -> a sigmoid(b), [R, C] (Dauphin et al. 2016, 1612.08083). */
export function gatedHalf(x: Tensor): Tensor {
  const [R, width] = x.shape
  const C = width / 2
  const y = empty([R, C])
  const [from, to] = [x.floats, y.floats]
  for (let r = 0; r < R; r++) {
    for (let c = 0; c < C; c++) to[r * C + c] = from[r * width + c] / (1 + Math.exp(-from[r * width + C + c]))
  }
  return y
}

/** x -> residual + factor x, in place. */
export function addScaled(x: Float32Array, residual: Float32Array, factor = 1): void {
  for (let i = 0; i < x.length; i++) x[i] = residual[i] + factor * x[i]
}
