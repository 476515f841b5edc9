// Muon: momentum whose matrix is made orthogonal before it is applied, so every direction of a hidden
// matrix learns at the same speed. Jordan et al. 2024 (Newton-Schulz, 5 iterations, on the fast product).
// Fused matrices and stacks of experts are updated as the separate matrices they are (weight.ts).
import { type Compute, kernels } from '../../native/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { Weight } from '../weight.ts'
import type { UpdateStep } from './adamw.ts'
import { newState } from './state.ts'

export interface MuonOptions {
  /** Default 0.95. */
  momentum?: number
  weightDecay: (weight: Weight) => number
  /** Arithmetic of the Newton-Schulz products. Default 'bf16'. */
  compute?: Compute
}

export class Muon {
  readonly weights: Weight[]
  readonly options: MuonOptions
  readonly #momenta: Tensor[]

  constructor(weights: Weight[], options: MuonOptions) {
    this.weights = weights
    this.options = options
    this.#momenta = weights.map(newState)
  }

  update({ learningRate, gradScale }: UpdateStep): void {
    const { momentum = 0.95, weightDecay, compute = 'bf16' } = this.options
    this.weights.forEach((weight, i) => {
      const { parameter, parts } = weight
      if (!parameter.grad) return
      for (const { offset, count, rows, cols } of parts) {
        const slice = (tensor: Tensor): Float32Array => tensor.floats.subarray(offset, offset + count * rows * cols)
        kernels.muon(
          slice(parameter),
          slice(parameter.grad),
          slice(this.#momenta[i]),
          count,
          rows,
          cols,
          learningRate,
          momentum,
          weightDecay(weight),
          gradScale,
          compute,
        )
      }
      parameter.touch()
    })
  }

  /** Momenta by name, for a checkpoint. */
  *state(): Generator<[string, Tensor]> {
    for (const [i, { parameter }] of this.weights.entries()) yield [`muon.m.${parameter.name}`, this.#momenta[i]]
  }
}
