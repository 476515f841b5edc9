// The experts of a layer: E gated MLPs, of which each token meets the K that its router chose.
//
// Dropless: rows are sorted by expert and multiplied group by group, any number of rows each (Gale et al.
// 2022, MegaBlocks). Shapes: R rows, D width, E experts, F inner width, S = R*K (row, expert) pairs.
import { combine, geglu, groupedLinear } from '../ops/index.ts'
import type { Dtype, Tensor } from '../tensor/index.ts'
import type { Norm } from './norm.ts'
import type { Routing } from './router.ts'
import { gatedExpertsWeight, matrixWeight, type Weight } from './weight.ts'

export class Experts {
  readonly gateUp: Weight
  readonly down: Weight

  constructor(name: string, shape: { hiddenSize: number; experts: number; inner: number }) {
    const { hiddenSize, experts, inner } = shape
    this.gateUp = gatedExpertsWeight(`${name}.gate_up_proj`, experts, inner, hiddenSize)
    this.down = matrixWeight(`${name}.down_proj`, [experts, hiddenSize, inner], 'experts')
  }

  get weights(): Weight[] {
    return [this.gateUp, this.down]
  }

  /**
   * x [R, D] -> sum over a row's experts of weight * expert(x), [R, D].
   *
   * @param options.norm of each expert's output before its weight. Default none
   * @param options.outDtype default that of x
   */
  forward(x_RD: Tensor, { plan, weights }: Routing, options: { norm?: Norm; outDtype?: Dtype } = {}): Tensor {
    const { norm, outDtype = x_RD.dtype } = options
    const inner_SF = geglu(groupedLinear(x_RD, this.gateUp.parameter, plan, { gather: true }))
    const out_SD = groupedLinear(inner_SF, this.down.parameter, plan, { gather: false })
    return combine(norm ? norm.forward(out_SD) : out_SD, weights, plan, { outDtype })
  }
}
