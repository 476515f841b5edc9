// A product with weights of 8 or 4 bits: what linear and groupedLinear do where a parameter is frozen so (inference only).
//
// Rows of x become bytes with a scale for every 32 numbers, whatever their dtype; whole numbers are summed exactly within 32, and
// those sums in f32 in one order, so a row's result does not depend on the rows beside it. native/kernels/quantised.h.
import { kernels } from '../native/index.ts'
import { isRecording, type Parameter, type Tensor } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'

/** Sizes of a product; the caller has checked them. */
export interface QuantisedSizes {
  /** Rows of the result. */
  rows: number
  n: number
  k: number
  /** Row r of the result is made of row index[r] of x. Default r. */
  index?: Int32Array
  /** [groups + 1]: rows of each matrix. Default: one matrix takes all. */
  offsets?: Int32Array
  groups?: number
}

/** y[r] = W x[r], with W (or each expert's) in the packed form of `w.quantised`. */
export function quantisedProduct(op: string, x: Tensor, w: Parameter, y: Tensor, sizes: QuantisedSizes): void {
  const { rows, n, k, index = null, offsets = null, groups = 1 } = sizes
  const packed = w.quantised
  if (!packed) throw new Error(`internal: ${op}: ${w.name} has no packed form of whole numbers`)
  if (isRecording(x, w))
    throw new ShapeError(op, `w (${w.name}) of ${packed.bits} bits must be used outside of a tape`, 'a tape')
  const { bits, bytes } = packed
  kernels.quantisedGemm(x.numbers, x.shape[0], index, bytes, y.numbers, offsets, rows, groups, n, k, bits)
}
