// Skipping the update of a step whose loss or gradient norm is a spike.
//
// A step is a spike when either lies more than `sigma` standard deviations above the mean of the last 128
// steps, or is not a number. The window takes in every finite value, spikes too, so that a lasting change of
// level is accepted after a while. Rule of OLMo-core (optim/skip_step_optimizer.py): 128 steps, 6 sigma, and
// nothing is skipped before half of the window is full.

const windowSize = 128

/** What a checkpoint keeps of it. */
export interface SkipStepState {
  losses: number[]
  gradNorms: number[]
}

export class SkipStep {
  readonly sigma: number
  #losses: number[] = []
  #gradNorms: number[] = []

  /** @param sigma 0: skip only what is not a number */
  constructor(sigma: number) {
    this.sigma = sigma
  }

  /** True if the step must be skipped; takes its values into the window. */
  isSpike(loss: number, gradNorm: number): boolean {
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) return true
    const spike = this.sigma > 0 && (this.#isAbove(this.#losses, loss) || this.#isAbove(this.#gradNorms, gradNorm))
    push(this.#losses, loss)
    push(this.#gradNorms, gradNorm)
    return spike
  }

  #isAbove(window: number[], value: number): boolean {
    if (window.length < windowSize / 2) return false
    const mean = window.reduce((sum, x) => sum + x, 0) / window.length
    const variance = window.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (window.length - 1)
    return value > mean + this.sigma * Math.sqrt(variance)
  }

  state(): SkipStepState {
    return { losses: [...this.#losses], gradNorms: [...this.#gradNorms] }
  }

  restore({ losses, gradNorms }: SkipStepState): void {
    this.#losses = [...losses]
    this.#gradNorms = [...gradNorms]
  }
}

function push(window: number[], value: number): void {
  window.push(value)
  if (window.length > windowSize) window.shift()
}
