// Clipping by the global norm of all gradients. The factor is handed to the update kernels, which multiply
// as they read, so clipping costs no pass of its own. Pascanu et al. 2013.
import { kernels } from '../../native/index.ts'
import type { Weight } from '../weight.ts'

/** Euclidean norm over all gradients, summed in the order given (float64), so that it repeats bit for bit. */
export function globalNorm(weights: Iterable<Weight>): number {
  let sum = 0
  for (const { parameter } of weights) {
    const grad = parameter.grad
    if (grad) sum += kernels.sumSquares(grad.floats, grad.size)
  }
  return Math.sqrt(sum)
}

/** What to multiply gradients with so that their norm is at most `clip` (0: no limit). */
export function clipFactor(norm: number, clip: number): number {
  return clip > 0 && norm > clip ? clip / norm : 1
}
