// Learned positions on a grid, one table an axis, added to the rows that stand there.
//
//   y[r] = x[r] + table[axis x][x_r] + table[axis y][y_r]
//
// Two tables of P rows place P * P cells (Dehghani et al. 2023, NaViT, 2307.06304). Backward adds rows in the order
// they come, so results repeat. Shapes: R rows, D width, P places an axis.
import {
  addGradient,
  empty,
  gradientOf,
  isRecording,
  type Parameter,
  record,
  takeGradient,
  type Tensor,
} from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectDtype, expectShape } from './check.ts'

/** Order of the table's dimensions: [P, 2, D] (places first) or [2, P, D] (axes first). */
export type GridTableLayout = 'placesFirst' | 'axesFirst'

/**
 * @param x f32 [R, D]
 * @param table [P, 2, D], or [2, P, D] with layout 'axesFirst'
 * @param positions [R, 2]: column (x) and row (y) of the cell, each in [0, P)
 * @returns f32 [R, D]
 */
export function addGridPositions(
  x: Tensor,
  table: Parameter,
  positions: Int32Array,
  layout: GridTableLayout = 'placesFirst',
): Tensor {
  const op = 'addGridPositions'
  expectDtype(op, 'x', x, ['f32'])
  const [R, D] = expectShape(op, 'x', x, ['R', 'D'])
  const pattern = layout === 'placesFirst' ? ['P', 2, D] : [2, 'P', D]
  const shape = expectShape(op, `table (${table.name})`, table, pattern)
  const places = layout === 'placesFirst' ? shape[0] : shape[1]
  const [placeStride, axisStride] = layout === 'placesFirst' ? [2 * D, D] : [D, places * D]
  if (positions.length !== 2 * R)
    throw new ShapeError(op, `positions must have 2 * R = ${2 * R} numbers`, positions.length)
  const outside = positions.find((place) => place < 0 || place >= places)
  if (outside !== undefined)
    throw new ShapeError(op, `positions must be in [0, ${places}), the table's places`, outside)
  const y = empty([R, D])
  y.floats.set(x.floats)
  /** Calls back with the offset of a row of x and that of a row of the table which belongs to it. */
  const pairs = (visit: (row: number, entry: number) => void): void =>
    positions.forEach((place, i) => visit((i >> 1) * D, place * placeStride + (i & 1) * axisStride))
  pairs((row, entry) => addRow(table.data, entry, y.floats, row, D))
  if (!isRecording(x, table)) return y
  record({
    op,
    outputs: [y],
    backward: () => {
      if (table.requiresGrad) {
        const [dy, dTable] = [gradientOf(y).floats, table.gradient().floats]
        pairs((row, entry) => addRow(dy, row, dTable, entry, D))
      }
      if (x.requiresGrad) addGradient(x, takeGradient(y))
    },
  })
  return y
}

function addRow(from: Float32Array, fromStart: number, to: Float32Array, toStart: number, D: number): void {
  for (let d = 0; d < D; d++) to[toStart + d] += from[fromStart + d]
}
