// Sums that can be learned from few: plus and minus up to 20, times up to 9.
import type { Rng } from '../../util/index.ts'
import { draw } from './random.ts'
import type { WorldItem } from './types.ts'

const most = 20
const mostFactor = 9

/** One sum, as in '12 + 7 =' and '19'; results are whole and never below 0. */
export function makeArithmetic(rng: Rng): WorldItem {
  const sign = draw(rng, ['+', '-', 'x'] as const)
  const limit = sign === 'x' ? mostFactor : most
  let [a, b] = [rng.integer(limit + 1), rng.integer(limit + 1)]
  if (sign === '-' && a < b) [a, b] = [b, a]
  const result = { '+': a + b, '-': a - b, x: a * b }[sign]
  const question = `${a} ${sign} ${b} =\n`
  return {
    signature: question,
    media: [],
    turns: [{ kind: 'arithmetic', question, answer: { text: `${result}\n` } }],
  }
}
