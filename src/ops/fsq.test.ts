import { expect, test } from 'vitest'
import { fromArray, memoryScope, Tape } from '../tensor/index.ts'
import { expectClose, finiteDifference, normalArray, random } from '../testing/index.ts'
import { fsq, fsqDigits, fsqValues } from './index.ts'

/** The bounding of the paper in float64, without the rounding, scaled as values are. */
function bounded(z: number, L: number): number {
  const half = ((L - 1) * 0.999) / 2
  const offset = L % 2 === 0 ? 0.5 : 0
  // tanh(z + atanh(q)) written out, so that it is not the same formula again
  const q = offset / half
  const t = (Math.tanh(z) + q) / (1 + Math.tanh(z) * q)
  return (half * t - offset) / Math.floor(L / 2)
}

test.each([[[3]], [[4]], [[4, 4, 4, 4]], [[8, 5, 5, 5]], [[3, 7, 16]]])(
  'values of levels %j are the bounded coordinates, rounded to the grid',
  (levels) => {
    using _scope = memoryScope()
    const R = 300
    const C = levels.length
    const z = normalArray(random(C), R * C).map((x) => 2 * x)
    const values = fsq(fromArray(z, [R, C]), levels).toFloat32()
    const seen = levels.map(() => new Set<number>())
    values.forEach((value, i) => {
      const steps = Math.floor(levels[i % C] / 2)
      const exact = bounded(z[i], levels[i % C]) * steps
      expect(Math.abs(value * steps - exact)).toBeLessThanOrEqual(0.5 + 1e-4)
      expect(Number.isInteger(Math.round(value * steps * 1e4) / 1e4)).toBe(true)
      seen[i % C].add(Math.round(value * steps) + steps)
    })
    // every level is used, and none beside them
    levels.forEach((L, c) => expect([...seen[c]].sort((a, b) => a - b)).toEqual([...Array(L).keys()]))
  },
)

test('zero stays zero, for odd and for even numbers of levels', () => {
  using _scope = memoryScope()
  expect([...fsq(fromArray([0, 0, 0], [1, 3]), [4, 5, 8]).toFloat32()].map(Math.abs)).toEqual([0, 0, 0])
})

test('the gradient is that of the bounding, as if nothing were rounded', () => {
  using _scope = memoryScope()
  using tape = new Tape()
  const levels = [4, 5, 8]
  const R = 7
  const z = fromArray(normalArray(random(3), R * 3), [R, 3], { requiresGrad: true })
  const y = fsq(z, levels)
  const dy = normalArray(random(4), R * 3)
  y.grad = fromArray(dy, [R, 3])
  tape.run()
  const point = Float64Array.from(z.toFloat32())
  const loss = () => point.reduce((sum, x, i) => sum + dy[i] * bounded(x, levels[i % 3]), 0)
  expectClose(z.grad!.toFloat32(), finiteDifference(loss, point), { rtol: 1e-4, atol: 1e-5 }, 'gradient of z')
})

test('digits and values are each other, far from zero too', () => {
  using _scope = memoryScope()
  const levels = [4, 5]
  const values = fsq(fromArray([-50, -50, 50, 50, 0.3, -0.3], [3, 2]), levels).toFloat32()
  const digits = fsqDigits(values, levels)
  expect([...digits]).toEqual([0, 0, 3, 4, 2, 1])
  expect(fsqValues(digits, levels)).toEqual(values)
})

test('no rows give no rows; wrong shapes, dtypes and levels are refused', () => {
  using _scope = memoryScope()
  expect(fsq(fromArray([], [0, 2]), [4, 4]).shape).toEqual([0, 2])
  expect(() => fsq(fromArray([1, 2, 3], [1, 3]), [4, 4])).toThrow('fsq: z must be [R, 2], got f32 [1, 3]')
  expect(() => fsq(fromArray([1], [1, 1], { dtype: 'bf16' }), [4])).toThrow('fsq: z must be f32')
  expect(() => fsq(fromArray([1], [1, 1]), [2])).toThrow('levels must be whole numbers of at least 3, got [2]')
})
