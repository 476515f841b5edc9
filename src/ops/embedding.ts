// Rows of a table, by id. Backward adds rows into the table's gradient, in an order that repeats.
// Shapes: R rows, V vocabulary, D width.
import { kernels } from '../native/index.ts'
import { type Dtype, gradientOf, isRecording, type Parameter, record, type Tensor } from '../tensor/index.ts'
import { expectDtype, expectShape, output } from './check.ts'

export interface EmbeddingOptions {
  /** Factor on the rows. Default 1. */
  scale?: number
  /** Default f32. */
  outDtype?: Dtype
}

/**
 * y[r] = scale * table[ids[r]]; ids outside [0, V) give zeros and no gradient.
 *
 * @param ids i32 [R]
 * @param table [V, D]
 * @returns [R, D]
 */
export function embedding(ids: Tensor, table: Parameter, options: EmbeddingOptions = {}): Tensor {
  const { scale = 1, outDtype = 'f32' } = options
  expectDtype('embedding', 'ids', ids, ['i32'])
  const [R] = expectShape('embedding', 'ids', ids, ['R'])
  const [V, D] = expectShape('embedding', `table (${table.name})`, table, ['V', 'D'])
  const y = output('embedding', [R, D], outDtype)
  kernels.embeddingForward(ids.ints, table.numbers, y.numbers, R, D, V, scale)
  if (!isRecording(table)) return y
  record({
    op: 'embedding',
    outputs: [y],
    backward: () => kernels.embeddingBackward(ids.ints, gradientOf(y).numbers, table.gradient().floats, R, D, V, scale),
  })
  return y
}
