// Small draws that the makers of the generated world share.
import type { Rng } from '../../util/index.ts'

/** One of the items, each as likely. */
export function draw<T>(rng: Rng, items: readonly T[]): T {
  return items[rng.integer(items.length)]
}

/** Uniform in [low, high). */
export function between(rng: Rng, low: number, high: number): number {
  return low + (high - low) * rng.uniform()
}
