// The optimiser of a model: Muon for the hidden matrices every token meets and AdamW for the rest, or AdamW for all.
//
// Experts are under AdamW: those of `nano` are 288 matrices whose Newton-Schulz products took a third of a step, and at
// equal seconds that lost (docs/LOG.md, 2026-11-24: optimiser and learning rates of nano). 'muon-all' gives Muon the experts
// too: a comparison per token with dense models, whose MLPs are all under Muon, needs it.
import type { Compute } from '../../native/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { Role, Weight } from '../weight.ts'
import { AdamW } from './adamw.ts'
import { Muon } from './muon.ts'

export interface OptimizerOptions {
  kind: 'muon' | 'muon-all' | 'adamw'
  /** Decoupled decay of matrices and router; tables, norms, scales and biases are never decayed. */
  weightDecay: number
  /** Arithmetic of Newton-Schulz. */
  compute?: Compute
}

/** Learning rates of one update, and the factor that gradients are read with (clipping). */
export interface Update {
  learningRate: number
  matrixLearningRate: number
  gradScale: number
}

/** Roles that decay; tables, norms, scales and biases do not. */
const decayed: ReadonlySet<Role> = new Set<Role>(['matrix', 'experts', 'router'])

export class Optimizer {
  readonly weights: Weight[]
  /** Updates done. */
  step = 0
  readonly #muon: Muon
  readonly #adamw: AdamW

  constructor(weights: Weight[], { kind, weightDecay, compute = 'bf16' }: OptimizerOptions) {
    const decay = ({ role }: Weight): number => (decayed.has(role) ? weightDecay : 0)
    const byMuon = ({ role }: Weight): boolean =>
      kind !== 'adamw' && (role === 'matrix' || (role === 'experts' && kind === 'muon-all'))
    this.weights = weights
    this.#muon = new Muon(weights.filter(byMuon), { weightDecay: decay, compute })
    this.#adamw = new AdamW(
      weights.filter((weight) => !byMuon(weight)),
      { weightDecay: decay },
    )
  }

  update({ learningRate, matrixLearningRate, gradScale }: Update): void {
    this.step++
    this.#muon.update({ learningRate: matrixLearningRate, gradScale, step: this.step })
    this.#adamw.update({ learningRate, gradScale, step: this.step })
  }

  /** Every f32 state array by name; load by writing into them. */
  *state(): Generator<[string, Tensor]> {
    yield* this.#muon.state()
    yield* this.#adamw.state()
  }
}
