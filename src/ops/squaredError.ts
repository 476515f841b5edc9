// Mean squared error, row by row weighted: the loss of an autoencoder. Shapes: R rows, P columns.
//
//   loss = sum_r w_r sum_p (x_rp - t_rp)^2 / (P sum_r w_r)
import { empty, gradientOf, isRecording, record, type Tensor, writeGradient } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectDtype, expectShape } from './check.ts'

/**
 * @param x f32 [R, P]
 * @param target [R * P] values
 * @param weights [R], at least 0; default all 1
 * @returns f32 scalar, added up in float64; 0 without rows or without weight
 */
export function squaredError(x: Tensor, target: Float32Array, weights?: Float32Array): Tensor {
  expectDtype('squaredError', 'x', x, ['f32'])
  const [R, P] = expectShape('squaredError', 'x', x, ['R', 'P'])
  if (target.length !== x.size) throw new ShapeError('squaredError', `target must have ${x.size} values`, target.length)
  if (weights !== undefined && weights.length !== R)
    throw new ShapeError('squaredError', `weights must have ${R} values`, weights.length)
  const total = (weights?.reduce((sum, w) => sum + w, 0) ?? R) * P
  const y = empty([])
  let loss = 0
  for (let r = 0; r < R; r++) {
    let row = 0
    for (let i = r * P; i < (r + 1) * P; i++) row += (x.floats[i] - target[i]) ** 2
    loss += row * (weights?.[r] ?? 1)
  }
  y.floats[0] = total > 0 ? loss / total : 0
  if (!isRecording(x)) return y
  record({
    op: 'squaredError',
    outputs: [y],
    backward: () => {
      const factor = total > 0 ? (2 * gradientOf(y).floats[0]) / total : 0
      const values = x.floats
      writeGradient(x, (dx) => {
        for (let r = 0; r < R; r++) {
          const scale = factor * (weights?.[r] ?? 1)
          for (let i = r * P; i < (r + 1) * P; i++) dx[i] = scale * (values[i] - target[i])
        }
      })
    },
  })
  return y
}
