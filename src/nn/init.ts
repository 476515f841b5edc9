// Initial values of every weight, in one place.
import type { Rng } from '../util/index.ts'
import type { Role, Weight } from './weight.ts'

/** Roles whose values are drawn. */
const drawn: ReadonlySet<Role> = new Set<Role>(['matrix', 'experts', 'embedding', 'router', 'positions'])

/** Deviation of position tables: what they are added to has a deviation of 1. */
const positionSpread = 0.5

export interface InitOptions {
  /** Standard deviation of matrices and embedding (initializer_range). Default 0.02. */
  std?: number
}

/**
 * Fills weights in the order given, so equal seeds give equal models.
 *
 * | role      | values                                                                       |
 * |-----------|------------------------------------------------------------------------------|
 * | matrix    | N(0, std^2)   (Gemma 4; the norm after each block removes the scale anyway)   |
 * | experts   | N(0, std^2)                                                                  |
 * | embedding | N(0, std^2)   (tied head: logits of std 0.02 sqrt(D), loss close to ln V)     |
 * | router    | N(0, std^2)   (near-equal experts at the start)                               |
 * | norm      | 1                                                                            |
 * | headNorm  | C^-1/4 of heads of width C: scores q.k of deviation 1, as if divided by sqrt(C)        |
 * | postNorm  | 1                                                                            |
 * | scale     | 1                                                                            |
 * | bias      | 0                                                                            |
 * | positions | N(0, 1/4)     (beside rows of deviation 1: with 0.02 a place is not seen for long, with 1 a shape) |
 * | constant  | left as it is                                                                |
 */
export function initialise(weights: Iterable<Weight>, rng: Rng, { std = 0.02 }: InitOptions = {}): void {
  for (const { parameter, role } of weights) {
    if (role === 'constant') continue
    const data = parameter.data
    if (drawn.has(role)) {
      const spread = role === 'positions' ? positionSpread : std
      for (let i = 0; i < data.length; i++) data[i] = spread * rng.normal()
    } else {
      data.fill(startOf(role, data.length))
    }
    parameter.touch()
  }
}

/** The value that all of a weight that is not drawn starts with. */
function startOf(role: Role, size: number): number {
  if (role === 'headNorm') return size ** -0.25
  return role === 'bias' ? 0 : 1
}
