import { expect, test } from 'vitest'
import { Rng } from './rng.ts'

test('a saved state goes on with the same numbers', () => {
  const rng = new Rng(7)
  for (let i = 0; i < 10; i++) rng.normal()
  const state = JSON.parse(JSON.stringify(rng.state()))
  const expected = [rng.uniform(), rng.normal(), rng.integer(1000)]
  const other = new Rng(99)
  other.restore(state)
  expect([other.uniform(), other.normal(), other.integer(1000)]).toEqual(expected)
})

test('uniform and normal have the right mean and variance', () => {
  const rng = new Rng(1)
  const n = 200_000
  let [sum, squares, uniformSum] = [0, 0, 0]
  for (let i = 0; i < n; i++) {
    const x = rng.normal()
    sum += x
    squares += x * x
    uniformSum += rng.uniform()
  }
  // five standard errors
  expect(Math.abs(sum / n)).toBeLessThan(5 / Math.sqrt(n))
  expect(Math.abs(squares / n - 1)).toBeLessThan(5 * Math.sqrt(2 / n))
  expect(Math.abs(uniformSum / n - 0.5)).toBeLessThan((5 * Math.sqrt(1 / 12)) / Math.sqrt(n))
})

test('neighbouring seeds give different streams', () => {
  const first = new Set(Array.from({ length: 1000 }, (_, seed) => new Rng(seed).uint32()))
  expect(first.size).toBe(1000)
})

test('shuffling keeps every item', () => {
  const items = Array.from({ length: 50 }, (_, i) => i)
  const shuffled = new Rng(3).shuffle([...items])
  expect(shuffled).not.toEqual(items)
  expect(shuffled.sort((a, b) => a - b)).toEqual(items)
})

test('a state that is none is refused', () => {
  expect(() => new Rng(0).restore([1, 2] as never)).toThrow('four whole numbers, got [1,2]')
})
