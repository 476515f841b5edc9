// The dense gated MLP: W_down(gelu(W_gate x) * W_up x), gate and up in one matrix. Shazeer 2020 (GeGLU).
// Shapes: R rows, D width, F inner width.
import { geglu, linear } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { fusedWeight, matrixWeight, type Weight } from './weight.ts'

export class Mlp {
  readonly gateUp: Weight
  readonly down: Weight

  constructor(name: string, hiddenSize: number, inner: number) {
    this.gateUp = fusedWeight(`${name}.gate_up_proj.weight`, [inner, inner], hiddenSize)
    this.down = matrixWeight(`${name}.down_proj.weight`, [hiddenSize, inner], 'matrix')
  }

  get weights(): Weight[] {
    return [this.gateUp, this.down]
  }

  /** x [R, D] -> [R, D], of the dtype of x. */
  forward(x_RD: Tensor): Tensor {
    return linear(geglu(linear(x_RD, this.gateUp.parameter)), this.down.parameter)
  }
}
