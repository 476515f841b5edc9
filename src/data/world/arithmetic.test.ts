import { expect, it } from 'vitest'
import { Rng } from '../../util/index.ts'
import { makeArithmetic } from './arithmetic.ts'

const rng = new Rng(0)
const sums = Array.from({ length: 3000 }, () => makeArithmetic(rng))

it('gives the result of every sum, whole and never below 0, of operands within their limits', () => {
  for (const { signature, turns, media } of sums) {
    const { question, answer } = turns[0]
    const [, a, sign, b] = /^(\d+) ([+x-]) (\d+) =\n$/.exec(question) ?? []
    const result = sign === '+' ? +a + +b : sign === '-' ? +a - +b : +a * +b
    expect(answer).toEqual({ text: `${result}\n` })
    expect(result).toBeGreaterThanOrEqual(0)
    expect(Math.max(+a, +b)).toBeLessThanOrEqual(sign === 'x' ? 9 : 20)
    expect(signature).toBe(question)
    expect(media).toEqual([])
  }
})

it('draws sums of all three signs, and most of the 772 that there are', () => {
  const different = new Set(sums.map(({ signature }) => signature))
  for (const sign of [' + ', ' - ', ' x ']) expect([...different].some((sum) => sum?.includes(sign))).toBe(true)
  expect(different.size).toBeGreaterThan(650)
  expect(different.size).toBeLessThanOrEqual(441 + 231 + 100)
})

it('makes the same sum of the same state', () => {
  expect(makeArithmetic(new Rng(1))).toEqual(makeArithmetic(new Rng(1)))
})
