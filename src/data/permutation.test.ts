import { expect, test } from 'vitest'
import { hashIntegers, permute } from './permutation.ts'

test('every size is permuted onto itself', () => {
  for (const size of [1, 2, 3, 4, 5, 7, 16, 17, 100, 257, 1000]) {
    const images = Array.from({ length: size }, (_, i) => permute(i, size, 42))
    expect([...images].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i))
  }
})

test('another key gives another order', () => {
  const order = (key: number): number[] => Array.from({ length: 50 }, (_, i) => permute(i, 50, key))
  expect(order(1)).toEqual(order(1))
  expect(order(1)).not.toEqual(order(2))
})

test('neighbours are torn apart: places are uniform over the range', () => {
  const size = 10_000
  const quarters = [0, 0, 0, 0]
  for (let i = 0; i < size / 4; i++) quarters[Math.floor((permute(i, size, 7) * 4) / size)]++
  // 2500 draws into four bins: 625 each, five standard deviations are 108.
  for (const count of quarters) expect(Math.abs(count - 625)).toBeLessThan(108)
})

test('large ranges stay inside', () => {
  const size = 2 ** 31 - 5
  for (const i of [0, 1, size >> 1, size - 1]) {
    const image = permute(i, size, 3)
    expect(image).toBeGreaterThanOrEqual(0)
    expect(image).toBeLessThan(size)
  }
})

test('a hash of integers depends on each of them and on their order', () => {
  expect(hashIntegers(1, 2)).toBe(hashIntegers(1, 2))
  expect(new Set([hashIntegers(1, 2), hashIntegers(2, 1), hashIntegers(1), hashIntegers(1, 2, 0)]).size).toBe(4)
  expect(hashIntegers(2 ** 40)).not.toBe(hashIntegers(2 ** 41))
})
