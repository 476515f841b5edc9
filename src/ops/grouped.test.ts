// Experts: grouped products and their weighted sum, with experts that get nothing.
import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope, Parameter, zeros } from '../tensor/index.ts'
import { checkOp, combineReference, groupedLinearReference, planReference, random } from '../testing/index.ts'
import { combine, type DispatchPlan, dispatchPlan, groupedLinear } from './index.ts'

const cases = [
  { R: 1, K: 1, E: 1, N: 1, I: 1 },
  { R: 6, K: 2, E: 4, N: 5, I: 7 },
  { R: 11, K: 3, E: 9, N: 18, I: 9 },
  { R: 0, K: 2, E: 3, N: 4, I: 5 },
]

/** Skewed choices: expert 0 is in most rows, the last one in none. */
function choices({ R, K, E }: { R: number; K: number; E: number }): Int32Array {
  return Int32Array.from({ length: R * K }, (_, pair) => (pair % K === 0 ? 0 : (pair * 5) % Math.max(1, E - 1)))
}

function planOf(size: { R: number; K: number; E: number }): DispatchPlan {
  return dispatchPlan(fromArray(choices(size), [size.R, size.K], { dtype: 'i32' }), size.E)
}

describe.each(['f32', 'bf16'] as const)('of %s', (dtype) => {
  describe.each([true, false])('groupedLinear, gather: %s', (gather) => {
    test.each(cases)('$R rows to $K of $E experts [$N, $I] has the value and gradients of plain products', (size) => {
      const { R, K, E, N, I } = size
      const experts = choices(size)
      const { pairOfRow, tokenOfRow } = planReference(experts, K, E)
      const expertOfRow = pairOfRow.map((pair) => experts[pair])
      const rowOfX = gather ? tokenOfRow : pairOfRow.map((_, s) => s)
      checkOp({
        rng: random(R + N),
        inputs: { x: { shape: [gather ? R : R * K, I], dtype }, w: { shape: [E, N, I], dtype: 'parameter' } },
        run: ({ x, w }) => groupedLinear(x, w, planOf(size), { gather }),
        reference: ({ x, w }) => groupedLinearReference(x, w, [N, I], { expertOfRow, rowOfX }),
      })
    })
  })

  test.each(cases)('combine of $R rows from $K experts has the value and gradients of the weighted sum', (size) => {
    const { R, K, N: D } = size
    const { rowOfPair } = planReference(choices(size), K, size.E)
    checkOp({
      rng: random(R + D),
      inputs: { y: { shape: [R * K, D], dtype }, weights: { shape: [R, K], dtype: 'f32' } },
      run: ({ y, weights }) => combine(y, weights, planOf(size)),
      reference: ({ y, weights }) => combineReference(y, weights, rowOfPair, R, K, D),
    })
  })
})

test('shapes that do not fit the plan are named with what is needed', () => {
  using _scope = memoryScope()
  const plan = planOf({ R: 3, K: 2, E: 4 })
  const w = new Parameter('experts.down', [4, 5, 7])
  expect(() => groupedLinear(zeros([3, 7]), w, plan, { gather: false })).toThrow(
    'groupedLinear: x must be [6, 7], got f32 [3, 7]',
  )
  expect(() => groupedLinear(zeros([3, 7]), new Parameter('w', [3, 5, 7]), plan, { gather: true })).toThrow(
    "groupedLinear: w (w) must have the plan's 4 experts, got f32 [3, 5, 7]",
  )
  expect(() => combine(zeros([6, 2]), zeros([3, 3]), plan)).toThrow('combine: weights must be [3, 2], got f32 [3, 3]')
})
