// Random inputs, bf16 conversion and comparison of arrays for tests of numbers.
import { roundToBf16, widenBf16 } from '../tensor/index.ts'
import { Rng } from '../util/index.ts'

/** A seeded source. */
export function random(seed: number): Rng {
  return new Rng(seed)
}

/** `size` standard normal numbers. */
export function normalArray(rng: Rng, size: number): Float32Array {
  return Float32Array.from({ length: size }, () => rng.normal())
}

/** Rounded to nearest, ties to even. */
export function toBf16(values: Float32Array): Uint16Array {
  const bits = new Uint16Array(values.length)
  roundToBf16(values, bits)
  return bits
}

export function fromBf16(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length)
  widenBf16(bits, values)
  return values
}

/** Allowed difference: atol + rtol * |expected|. */
export interface Tolerance {
  rtol: number
  atol: number
}

/** Fails, naming the worst entry, unless every |actual - expected| <= atol + rtol |expected|. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol, atol }: Tolerance,
  what = 'array',
): void {
  if (actual.length !== expected.length) {
    throw new Error(`${what}: expected ${expected.length} entries, got ${actual.length}`)
  }
  let [worst, excess] = [-1, 0]
  for (let i = 0; i < expected.length; i++) {
    const allowed = atol + rtol * Math.abs(expected[i])
    const difference = Math.abs(actual[i] - expected[i])
    const over = Number.isFinite(actual[i]) === Number.isFinite(expected[i]) ? difference / allowed : Infinity
    const same = Object.is(actual[i], expected[i]) || actual[i] === expected[i]
    if (!same && !(over <= Math.max(1, excess))) [worst, excess] = [i, over]
  }
  if (worst < 0) return
  throw new Error(
    `${what}: entry ${worst} of ${expected.length} must be ${expected[worst]} within rtol ${rtol}, atol ${atol}, ` +
      `got ${actual[worst]} (${excess.toPrecision(3)} times what is allowed)`,
  )
}
