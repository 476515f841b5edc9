// Towers do not learn: the tape passes over weights that want no gradient, and the optimiser never sees them.
import type { Weight } from '../../nn/index.ts'

/** Asks for no gradient of these weights. */
export function freeze(weights: Iterable<Weight>): void {
  for (const { parameter } of weights) parameter.requiresGrad = false
}
