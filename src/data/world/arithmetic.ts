// Small sums.
import type { Rng } from '../../util/index.ts'
import { pick } from './scene.ts'
import type { WorldItem } from './types.ts'

/** `12 + 7 =`, `15 - 6 =`, `4 x 8 =`; no result is negative. */
export function makeArithmetic(rng: Rng): WorldItem {
  const sign = pick(rng, ['+', '-', 'x'] as const)
  const most = sign === 'x' ? 9 : 20
  let [a, b] = [rng.integer(most + 1), rng.integer(most + 1)]
  if (sign === '-' && b > a) [a, b] = [b, a]
  const result = sign === '+' ? a + b : sign === '-' ? a - b : a * b
  const question = `${a} ${sign} ${b} =`
  return {
    signature: question,
    media: [],
    turns: [{ kind: 'arithmetic', question: `${question}\n`, answer: { text: `${result}\n` } }],
    truth: result,
  }
}
