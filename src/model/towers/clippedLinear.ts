// A linear map whose input and output are held within bounds, which the checkpoint brings (Gemma 4's E models).
//
//   y = clamp(W clamp(x, input_min, input_max), output_min, output_max)
//
// Without bounds it is the plain map, under the same name. Shapes: R rows, K in, N out.
import { constantWeight, matrixWeight, type Weight } from '../../nn/index.ts'
import { linear } from '../../ops/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import { clamp, clamped } from './elementwise.ts'

export class ClippedLinear {
  readonly matrix: Weight
  /** input_min, input_max, output_min, output_max; empty without bounds. */
  readonly bounds: Weight[]

  /** Stored as `name.linear.weight` and `name.input_min` ...; bounds are infinite until they are read. */
  constructor(name: string, [outputs, inputs]: [number, number], options: { clipped: boolean }) {
    this.matrix = matrixWeight(`${name}.linear.weight`, [outputs, inputs], 'matrix')
    const ends = ['input_min', 'input_max', 'output_min', 'output_max']
    this.bounds = options.clipped
      ? ends.map((end) => constantWeight(`${name}.${end}`, [], end.endsWith('min') ? -Infinity : Infinity))
      : []
  }

  get weights(): Weight[] {
    return [this.matrix, ...this.bounds]
  }

  /** f32 [R, K] -> f32 [R, N]. */
  forward(x_RK: Tensor): Tensor {
    if (this.bounds.length === 0) return linear(x_RK, this.matrix.parameter)
    const [inputMin, inputMax, outputMin, outputMax] = this.bounds.map(({ parameter }) => parameter.data[0])
    const y_RN = linear(clamped(x_RK, inputMin, inputMax), this.matrix.parameter)
    clamp(y_RN.floats, outputMin, outputMax)
    return y_RN
  }
}
