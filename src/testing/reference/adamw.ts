// One AdamW step in float64, in place.

export interface AdamwOptions {
  lr: number
  beta1: number
  beta2: number
  eps: number
  weightDecay: number
  gradScale: number
  step: number
}

/** Decoupled weight decay (Loshchilov & Hutter 2019); `step` counts from 1. */
export function adamwReference(
  p: Float64Array,
  g: Float64Array,
  m: Float64Array,
  v: Float64Array,
  o: AdamwOptions,
): void {
  for (let i = 0; i < p.length; i++) {
    const d = g[i] * o.gradScale
    m[i] = o.beta1 * m[i] + (1 - o.beta1) * d
    v[i] = o.beta2 * v[i] + (1 - o.beta2) * d * d
    const mHat = m[i] / (1 - o.beta1 ** o.step)
    const vHat = v[i] / (1 - o.beta2 ** o.step)
    p[i] -= o.lr * (mHat / (Math.sqrt(vHat) + o.eps) + o.weightDecay * p[i])
  }
}
