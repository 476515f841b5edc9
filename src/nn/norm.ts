// RMSNorm as a module: y = residual? + x / rms(x) * w, with w of ones at the start.
// Gemma 4 multiplies by w itself; Gemma 1-3 store w and multiply by 1 + w: here w is always the factor, and `storedLess`
// says what files leave off. Zhang & Sennrich 2019.
import { rmsNorm } from '../ops/index.ts'
import type { Dtype, Tensor } from '../tensor/index.ts'
import { vectorWeight, type Weight } from './weight.ts'

export class Norm {
  readonly weight: Weight
  readonly eps: number

  constructor(name: string, dim: number, options: { eps: number; post?: boolean; storedLess?: number }) {
    this.weight = vectorWeight(`${name}.weight`, dim, options.post ? 'postNorm' : 'norm', options.storedLess)
    this.eps = options.eps
  }

  /** x [R, D] -> [R, D] in outDtype (default: that of x). */
  forward(x_RD: Tensor, options: { residual?: Tensor; outDtype?: Dtype } = {}): Tensor {
    return rmsNorm(x_RD, this.weight.parameter, { eps: this.eps, ...options })
  }
}
