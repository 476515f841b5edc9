// The error of an operation that was given something of the wrong shape or dtype, and the one printer of both.
import { PolluxError } from './errors.ts'

/** Whatever has a shape and a dtype. */
export interface Shaped {
  readonly shape: readonly number[]
  readonly dtype: string
}

/** `f32 [128, 64]`; a scalar is `f32 []`. */
export function describeShape({ shape, dtype }: Shaped): string {
  return `${dtype} [${shape.join(', ')}]`
}

/** Message: `op: requirement, got actual`. */
export class ShapeError extends PolluxError {
  readonly op: string
  readonly requirement: string
  readonly actual: string

  /**
   * @param op name of the operation as it is called
   * @param requirement what it needs, as "x must be ..."
   * @param actual what it was given: a value, or something with a shape
   */
  constructor(op: string, requirement: string, actual: Shaped | string | number | null, hint?: string) {
    const text = typeof actual === 'object' && actual !== null ? describeShape(actual) : String(actual)
    super(`${op}: ${requirement}, got ${text}`, { hint })
    this.name = 'ShapeError'
    this.op = op
    this.requirement = requirement
    this.actual = text
  }
}
