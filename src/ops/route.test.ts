// Routing: choice, weights and plan against a plain sort; gradients with and without the router's own losses.
import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope, Parameter, zeros } from '../tensor/index.ts'
import { checkOp, normalArray, planReference, random, type RouterOptions, routerReference } from '../testing/index.ts'
import { dispatchPlan, route } from './index.ts'

const sizes: [number, number, number][] = [
  [1, 1, 1],
  [5, 4, 2],
  [9, 37, 8],
  [3, 5, 5],
]
const kinds = [{ sigmoid: false }, { sigmoid: true }, { renormalise: false }, { sigmoid: true, renormalise: false }]

/** Choice, weights and the two losses, by the formulas at the head of route.ts. */
function expectedRoute(
  logits: ArrayLike<number>,
  [E, K]: [E: number, K: number],
  options: Partial<RouterOptions>,
): Pick<ReturnType<typeof routerReference>, 'weights' | 'indices' | 'counts'> & { balanceLoss: number; zLoss: number } {
  const rows = logits.length / E
  const defaults = { rows, experts: E, k: K, sigmoid: false, renormalise: true }
  const result = routerReference(Float64Array.from(logits), { ...defaults, ...options })
  const balance = result.probSums.reduce((sum, p, e) => sum + (result.counts[e] / (rows * K)) * (p / rows), 0)
  return { ...result, balanceLoss: E * balance, zLoss: result.lse.reduce((sum, x) => sum + x * x, 0) / rows }
}

describe.each(kinds)('route %o', (kind) => {
  test.each(sizes)('of %i rows over %i experts, %i each, chooses and weighs as the sort does', (R, E, K) => {
    using _scope = memoryScope()
    const rng = random(R * E)
    const [logits, bias] = [normalArray(rng, R * E), normalArray(rng, E).map((x) => 0.2 * x)]
    const result = route(fromArray(logits, [R, E]), { topK: K, bias, ...kind })
    const expected = expectedRoute(logits, [E, K], { bias, ...kind })
    expect([...result.indices.ints]).toEqual([...expected.indices])
    expect([...result.counts]).toEqual([...expected.counts])
    expect(result.balanceLoss).toBeCloseTo(expected.balanceLoss, 5)
    expect(result.zLoss).toBeCloseTo(expected.zLoss, 4)
    result.weights.floats.forEach((w, i) => expect(w).toBeCloseTo(expected.weights[i], 5))
  })

  test.each(sizes)('of %i rows over %i experts, %i each, has the gradient of weights and losses', (R, E, K) => {
    const [balanceCoefficient, zCoefficient] = [0.7, 0.3]
    checkOp({
      rng: random(R + E + K),
      inputs: { logits: { shape: [R, E], dtype: 'f32' }, expertScale: { shape: [E], dtype: 'parameter' } },
      run: ({ logits, expertScale }) =>
        route(logits, { topK: K, expertScale, balanceCoefficient, zCoefficient, ...kind }).weights,
      reference: ({ logits, expertScale }) => expectedRoute(logits, [E, K], { expertScale, ...kind }).weights,
      ownLoss: ({ logits }) => {
        const { balanceLoss, zLoss } = expectedRoute(logits, [E, K], kind)
        return balanceCoefficient * balanceLoss + zCoefficient * zLoss
      },
    })
  })
})

test('without rows there is nothing to route and no loss', () => {
  using _scope = memoryScope()
  const { counts, balanceLoss, zLoss, plan } = route(zeros([0, 3]), { topK: 2, balanceCoefficient: 1, zCoefficient: 1 })
  expect([[...counts], balanceLoss, zLoss, [...plan.offsets.ints]]).toEqual([[0, 0, 0], 0, 0, [0, 0, 0, 0]])
})

test('equal logits go to the lower experts and balance to 1', () => {
  using _scope = memoryScope()
  const { indices, weights, balanceLoss } = route(zeros([2, 4]), { topK: 2 })
  expect([...indices.ints]).toEqual([0, 1, 0, 1])
  expect([...weights.data]).toEqual([0.5, 0.5, 0.5, 0.5])
  expect(balanceLoss).toBeCloseTo(1, 6)
})

test('the plan sorts pairs by expert, keeps their order, and inverts itself', () => {
  using _scope = memoryScope()
  const rng = random(2)
  const [R, K, E] = [50, 3, 7]
  const indices = Int32Array.from({ length: R * K }, () => rng.integer(E - 1)) // the last expert gets nothing
  const plan = dispatchPlan(fromArray(indices, [R, K], { dtype: 'i32' }), E)
  const expected = planReference(indices, K, E)
  for (const name of ['offsets', 'pairOfRow', 'rowOfPair', 'tokenOfRow'] as const) {
    expect([...plan[name].ints]).toEqual([...expected[name]])
  }
})

test('more experts a row than there are, and factors of another length, are refused', () => {
  using _scope = memoryScope()
  expect(() => route(zeros([2, 3]), { topK: 4 })).toThrow('route: topK must be at most the number of experts, 3, got 4')
  expect(() => route(zeros([2, 3], { dtype: 'bf16' }), { topK: 1 })).toThrow(
    'route: logits must be f32, got bf16 [2, 3]',
  )
  expect(() => route(zeros([2, 3]), { topK: 1, bias: new Float32Array(2) })).toThrow(
    'route: bias must have 3 entries, got 2',
  )
  expect(() => route(zeros([2, 3]), { topK: 1, expertScale: new Parameter('s', [4]) })).toThrow(
    'route: expertScale (s) must be [3], got f32 [4]',
  )
})

test('a plan over experts that are not there is refused', () => {
  using _scope = memoryScope()
  const plan = (e: number) => () => dispatchPlan(fromArray([e], [1, 1], { dtype: 'i32' }), 2)
  expect(plan(1000000)).toThrow('dispatchPlan: indices must be in [0, 2), got 1000000')
  expect(plan(-1)).toThrow('got -1')
})
