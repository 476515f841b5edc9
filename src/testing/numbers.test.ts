import { expect, test } from 'vitest'
import { expectClose, fromBf16, toBf16 } from './numbers.ts'

test('numbers round to the nearest bf16, ties to even, and come back exactly', () => {
  const values = Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -2.5, 3.4e38, Infinity, -0)
  expect([...fromBf16(toBf16(values))]).toEqual([1, 1, 1 + 2 ** -6, -2.5, Infinity, Infinity, -0])
  expect(fromBf16(toBf16(Float32Array.of(NaN)))[0]).toBeNaN()
})

test('a comparison fails at the worst entry, at NaN and at other lengths', () => {
  const tolerance = { rtol: 0.1, atol: 0 }
  expectClose([1.05, 2], [1, 2], tolerance)
  expect(() => expectClose([1.2, 3], [1, 2], tolerance)).toThrow('entry 1 of 2 must be 2')
  expect(() => expectClose([NaN], [1], tolerance)).toThrow('got NaN')
  expect(() => expectClose([1], [1, 2], tolerance)).toThrow('expected 2 entries, got 1')
})
