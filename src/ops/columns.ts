// Columns of matrices: some of them side by side, or the same numbers under another shape.
//
// Per-layer inputs (Gemma 4's E models) are one product for all layers, [R, L*P]; a layer takes its P columns and sets
// them beside its gate, which is the form that geglu reads. Shapes: R rows.
import { kernels } from '../native/index.ts'
import {
  addGradient,
  empty,
  full,
  gradientOf,
  isRecording,
  record,
  takeGradient,
  type Tensor,
} from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectNumbers, expectShape } from './check.ts'

/** Columns from .. from+width-1 of x [R, N]; all of them by default. */
export interface Columns {
  x: Tensor
  from?: number
  width?: number
}

/**
 * Sets columns of matrices side by side.
 *
 * @param parts of one number of rows and one dtype
 * @returns [R, sum of widths], of that dtype
 */
export function joinColumns(parts: Columns[]): Tensor {
  if (parts.length === 0) throw new ShapeError('joinColumns', 'there must be parts', parts.length)
  const { dtype } = parts[0].x
  const [R] = expectShape('joinColumns', 'x', parts[0].x, ['R', 'N'])
  let total = 0
  const pieces = parts.map(({ x, from = 0, width }) => {
    expectNumbers('joinColumns', 'x', x)
    const [, N] = expectShape('joinColumns', 'x', x, [R, 'N'])
    if (x.dtype !== dtype) throw new ShapeError('joinColumns', `parts must be ${dtype}, as the first is`, x)
    const count = width ?? N - from
    if (from < 0 || count < 0 || from + count > N) {
      throw new ShapeError('joinColumns', `columns must lie in [0, ${N})`, `${from} .. ${from + count - 1}`)
    }
    total += count
    return { x, N, from, width: count, to: total - count }
  })
  const y = empty([R, total], { dtype })
  for (const { x, N, from, width, to } of pieces) {
    const [source, target] = [x.numbers, y.numbers]
    for (let r = 0; r < R; r++) target.set(source.subarray(r * N + from, r * N + from + width), r * total + to)
  }
  if (!isRecording(...pieces.map(({ x }) => x))) return y
  record({
    op: 'joinColumns',
    outputs: [y],
    backward: () => {
      const dy = gradientOf(y).numbers
      for (const { x, N, from, width, to } of pieces) {
        if (!x.requiresGrad) continue
        if (x.grad === null) addGradient(x, full(x.shape, 0, { dtype: x.dtype }))
        const dx = x.grad!.numbers
        for (let r = 0; r < R; r++) {
          const row = dx.subarray(r * N + from, r * N + from + width)
          kernels.axpby(1, dy.subarray(r * total + to, r * total + to + width), 1, row, row, width)
        }
      }
    },
  })
  return y
}

/** The same numbers in the same order under another shape; shares the memory of x. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const y = x.alias({ shape })
  if (!isRecording(x)) return y
  record({
    op: 'reshape',
    outputs: [y],
    backward: () => {
      const dy = takeGradient(y)
      const shaped = dy.alias({ shape: x.shape })
      addGradient(x, shaped)
    },
  })
  return y
}
