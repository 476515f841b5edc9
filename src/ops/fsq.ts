// Finite scalar quantization: every coordinate is bounded and rounded to one of a few levels, and the gradient passes
// the rounding as if it were not there. Mentzer et al. 2023 (2309.15505).
//
//   bounded = h tanh(z + s) - o,   digit = round(bounded) + floor(L / 2),   value = round(bounded) / floor(L / 2)
//
// with L levels, h = (L - 1)(1 - 1e-3) / 2; for odd L o = s = 0; for even L o = 1/2, and s = atanh(o / h) keeps z = 0 at 0
// (the paper's listing has tan there, which is atanh to first order). Digits lie in 0 .. L - 1.
// Shapes: R rows, C coordinates.
import { empty, gradientOf, isRecording, record, type Tensor, writeGradient } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectDtype, expectShape } from './check.ts'

/** Keeps the outermost levels from being reached only at infinity, and even numbers of levels from having one too many. */
const margin = 1e-3
/** Fewest levels: with 2, z = 0 would lie at the edge of what tanh reaches. */
export const fewestLevels = 3

interface Bound {
  half: number
  offset: number
  shift: number
  steps: number
}

function boundOf(op: string, levels: readonly number[]): Bound[] {
  return levels.map((L) => {
    if (!Number.isSafeInteger(L) || L < fewestLevels)
      throw new ShapeError(op, `levels must be whole numbers of at least ${fewestLevels}`, `[${levels.join(', ')}]`)
    const half = ((L - 1) * (1 - margin)) / 2
    const offset = L % 2 === 0 ? 0.5 : 0
    return { half, offset, shift: Math.atanh(offset / half), steps: Math.floor(L / 2) }
  })
}

/**
 * Quantizes each coordinate to its levels; the gradient is that of the bounding alone.
 *
 * @param z f32 [R, C]
 * @param levels number of levels of each coordinate, C of them, each at least 3
 * @returns f32 [R, C], multiples of 1 / floor(L / 2) from -1 to 1 (to 1 - 1 / floor(L / 2) where L is even)
 */
export function fsq(z: Tensor, levels: readonly number[]): Tensor {
  expectDtype('fsq', 'z', z, ['f32'])
  const bounds = boundOf('fsq', levels)
  const [R, C] = expectShape('fsq', 'z', z, ['R', levels.length])
  const y = empty([R, C])
  for (let i = 0; i < z.size; i++) {
    const { half, offset, shift, steps } = bounds[i % C]
    y.floats[i] = Math.round(half * Math.tanh(z.floats[i] + shift) - offset) / steps
  }
  if (!isRecording(z)) return y
  record({
    op: 'fsq',
    outputs: [y],
    backward: () => {
      const dy = gradientOf(y).floats
      writeGradient(z, (dz) => {
        for (let i = 0; i < z.size; i++) {
          const { half, shift, steps } = bounds[i % C]
          const t = Math.tanh(z.floats[i] + shift)
          dz[i] = (dy[i] * half * (1 - t * t)) / steps
        }
      })
    },
  })
  return y
}

/**
 * Digits (0 .. L - 1) of the values that `fsq` gives.
 *
 * @param values [R * C], C = levels.length
 */
export function fsqDigits(values: Float32Array, levels: readonly number[]): Int32Array {
  return Int32Array.from(values, (value, i) => {
    const steps = Math.floor(levels[i % levels.length] / 2)
    return Math.round(value * steps) + steps
  })
}

/** Values of digits: the inverse of `fsqDigits`. */
export function fsqValues(digits: Int32Array, levels: readonly number[]): Float32Array {
  return Float32Array.from(digits, (digit, i) => {
    const steps = Math.floor(levels[i % levels.length] / 2)
    return (digit - steps) / steps
  })
}
