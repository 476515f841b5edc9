// The gate of a gated MLP: y = gelu_tanh(gate) * up. Shazeer 2020 (2002.05202).
// Shapes: R rows, F inner width.
import { kernels } from '../native/index.ts'
import { empty, gradientOf, isRecording, record, type Tensor, writeGradient } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectNumbers, expectShape } from './check.ts'

/**
 * @param x f32 or bf16 [R, 2F], the gate in the first half of each row
 * @returns [R, F], of the dtype of x
 */
export function geglu(x: Tensor): Tensor {
  expectNumbers('geglu', 'x', x)
  const [R, width] = expectShape('geglu', 'x', x, ['R', '2F'])
  if (width % 2 !== 0) throw new ShapeError('geglu', 'rows of x must have an even number of columns', x)
  const F = width / 2
  const y = empty([R, F], { dtype: x.dtype })
  kernels.gegluForward(x.numbers, y.numbers, R, F)
  if (!isRecording(x)) return y
  record({
    op: 'geglu',
    outputs: [y],
    backward: () => {
      const dy = gradientOf(y).numbers
      writeGradient(x, (dx) => kernels.gegluBackward(dy, x.numbers, dx, R, F))
    },
  })
  return y
}
