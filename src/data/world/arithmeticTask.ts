// The task "arithmetic": sums, differences and products of small whole numbers.
import type { Rng } from '../../util/index.ts'
import { answer, ask, pick, type Task } from './types.ts'

const signs = ['+', '-', 'x'] as const

/** `a sign b`; differences are never negative. */
interface Sum {
  a: number
  b: number
  sign: (typeof signs)[number]
}

/** Operands go from 0 to this. */
const largest: Record<Sum['sign'], number> = { '+': 20, '-': 20, x: 10 }

/** What a sum comes to. */
export function resultOf({ a, b, sign }: Sum): number {
  if (sign === '+') return a + b
  return sign === '-' ? a - b : a * b
}

function randomSum(rng: Rng): Sum {
  const sign = pick(signs, rng)
  const [a, b] = [rng.integer(largest[sign] + 1), rng.integer(largest[sign] + 1)]
  return sign === '-' && a < b ? { a: b, b: a, sign } : { a, b, sign }
}

/** One line of a sum; order does not make another content where it does not change the result. */
function signatureOf({ a, b, sign }: Sum): string {
  return sign === '-' ? `${a} - ${b}` : `${Math.min(a, b)} ${sign} ${Math.max(a, b)}`
}

export const arithmeticTask: Task<Sum> = {
  plan: randomSum,
  signature: signatureOf,
  document: (plan) => [ask(`${plan.a} ${plan.sign} ${plan.b} =`), answer(`${resultOf(plan)}`)],
  questions: (plan) => [
    {
      kind: plan.sign,
      prompt: [ask(`${plan.a} ${plan.sign} ${plan.b} =`)],
      answer: `${resultOf(plan)}\n`,
      truth: {},
    },
  ],
}
