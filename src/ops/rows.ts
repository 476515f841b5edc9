// Rows of a matrix by number: some taken out, or some put in the place of others.
//
// Media enter the trunk by the second (soft tokens replace the embeddings of their placeholders); the first keeps the
// output head to the rows that predict something. Rows are distinct, so backward moves each row once.
// Shapes: R rows, N of them chosen, D width.
import {
  addGradient,
  empty,
  gradientOf,
  isRecording,
  record,
  takeGradient,
  type Tensor,
  writeGradient,
} from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectNumbers, expectShape } from './check.ts'

/**
 * y[i] = x[rows[i]].
 *
 * @param x f32 or bf16 [R, D]
 * @param rows [N], increasing, each in [0, R)
 * @returns [N, D] of the dtype of x
 */
export function takeRows(x: Tensor, rows: Int32Array): Tensor {
  expectNumbers('takeRows', 'x', x)
  const [R, D] = expectShape('takeRows', 'x', x, ['R', 'D'])
  expectRows('takeRows', rows, R)
  const y = empty([rows.length, D], { dtype: x.dtype })
  copyRows(x, rows, y.numbers, D)
  if (!isRecording(x)) return y
  record({
    op: 'takeRows',
    outputs: [y],
    backward: () => {
      const dy = gradientOf(y).numbers
      writeGradient(x, (dx) => {
        dx.fill(0)
        rows.forEach((row, i) => dx.set(dy.subarray(i * D, (i + 1) * D), row * D))
      })
    },
  })
  return y
}

/**
 * A copy of x in which row rows[i] is values[i].
 *
 * @param x f32 or bf16 [R, D]
 * @param rows [N], increasing, each in [0, R)
 * @param values [N, D] of the dtype of x
 */
export function replaceRows(x: Tensor, rows: Int32Array, values: Tensor): Tensor {
  expectNumbers('replaceRows', 'x', x)
  const [R, D] = expectShape('replaceRows', 'x', x, ['R', 'D'])
  expectShape('replaceRows', 'values', values, [rows.length, D])
  if (values.dtype !== x.dtype) throw new ShapeError('replaceRows', `values must be ${x.dtype}, as x is`, values)
  expectRows('replaceRows', rows, R)
  const y = empty([R, D], { dtype: x.dtype })
  y.numbers.set(x.numbers)
  const [to, from] = [y.numbers, values.numbers]
  rows.forEach((row, i) => to.set(from.subarray(i * D, (i + 1) * D), row * D))
  if (!isRecording(x, values)) return y
  record({
    op: 'replaceRows',
    outputs: [y],
    backward: () => {
      const dy = takeGradient(y)
      if (values.requiresGrad) writeGradient(values, (dv) => copyRows(dy, rows, dv, D))
      if (!x.requiresGrad) return dy.release()
      const dx = dy.numbers
      for (const row of rows) dx.fill(0, row * D, (row + 1) * D)
      addGradient(x, dy)
    },
  })
  return y
}

function copyRows(from: Tensor, rows: Int32Array, to: Tensor['numbers'], D: number): void {
  const source = from.numbers
  rows.forEach((row, i) => to.set(source.subarray(row * D, (row + 1) * D), i * D))
}

function expectRows(op: string, rows: Int32Array, R: number): void {
  let before = -1
  for (const row of rows) {
    if (row <= before || row >= R) throw new ShapeError(op, `rows must increase within [0, ${R})`, row)
    before = row
  }
}
