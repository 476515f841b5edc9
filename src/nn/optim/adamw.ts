// AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019): two moments a weight, in f32, decay apart from the
// gradient. The kernel does one pass over weight, gradient and moments.
import { kernels } from '../../native/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { Weight } from '../weight.ts'
import { newState } from './state.ts'

export interface AdamWOptions {
  /** Default 0.9. */
  beta1?: number
  /** Default 0.95 (small batches: shorter memory than 0.999). */
  beta2?: number
  /** Default 1e-8. */
  eps?: number
  /** Decay of a weight, as a factor on the learning rate. */
  weightDecay: (weight: Weight) => number
}

/** One optimiser's part in a step; `step` counts from 1. */
export interface UpdateStep {
  learningRate: number
  gradScale: number
  step: number
}

export class AdamW {
  readonly weights: Weight[]
  readonly options: AdamWOptions
  readonly #moments: { m: Tensor; v: Tensor }[]

  constructor(weights: Weight[], options: AdamWOptions) {
    this.weights = weights
    this.options = options
    this.#moments = weights.map((weight) => ({ m: newState(weight), v: newState(weight) }))
  }

  update({ learningRate, gradScale, step }: UpdateStep): void {
    const { beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weightDecay } = this.options
    this.weights.forEach((weight, i) => {
      const { parameter } = weight
      if (!parameter.grad) return
      const { m, v } = this.#moments[i]
      kernels.adamw(
        parameter.data,
        parameter.grad.floats,
        m.floats,
        v.floats,
        parameter.size,
        learningRate,
        beta1,
        beta2,
        eps,
        weightDecay(weight),
        gradScale,
        step,
      )
      parameter.touch()
    })
  }

  /** Moments by name, for a checkpoint. */
  *state(): Generator<[string, Tensor]> {
    for (const [i, { parameter }] of this.weights.entries()) {
      yield [`adamw.m.${parameter.name}`, this.#moments[i].m]
      yield [`adamw.v.${parameter.name}`, this.#moments[i].v]
    }
  }
}
