// Choices other than the plain top K, each against its definition by a plain sort; and their way through products and gradients.
import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope, Parameter, Tape } from '../tensor/index.ts'
import { checkOp, normalArray, random, routerReference } from '../testing/index.ts'
import {
  type Choice,
  combine,
  dispatchPlan,
  dropOverflow,
  expertChoice,
  groupedLinear,
  groupedTopK,
  roundRobin,
  route,
  wholeChoice,
} from './index.ts'

const [R, E, K] = [23, 6, 2]
const shape = { rows: R, experts: E }

function probabilities(seed: number): { probs: Float32Array; top: Int32Array } {
  const logits = Float64Array.from(normalArray(random(seed), R * E))
  const { probs, indices } = routerReference(logits, { rows: R, experts: E, k: K, sigmoid: false, renormalise: true })
  return { probs: Float32Array.from(probs), top: indices }
}

/** Pairs (row, slot) of each expert by a property, as row numbers. */
function rowsByExpert({ indices, slots }: Choice, isIn: (pair: number) => boolean): number[][] {
  const rows: number[][] = Array.from({ length: E }, () => [])
  indices.forEach((e, pair) => {
    if (isIn(pair)) rows[e].push(Math.floor(pair / slots))
  })
  return rows
}

describe('groups', () => {
  test('are scored by the sum of their two best with the bias, and experts are of the best groups only', () => {
    const { probs } = probabilities(1)
    const bias = Float32Array.from({ length: E }, (_, e) => 0.05 * (e % 3))
    const chosen = groupedTopK(probs, shape, { topK: K, groups: 3, topGroups: 2, bias })
    for (let row = 0; row < R; row++) {
      const score = (e: number): number => probs[row * E + e] + bias[e]
      const groupScore = (g: number): number => score(2 * g) + score(2 * g + 1)
      const worst = [0, 1, 2].sort((a, b) => groupScore(b) - groupScore(a))[2]
      const allowed = Array.from({ length: E }, (_, e) => e).filter((e) => Math.floor(e / 2) !== worst)
      const expected = allowed.sort((a, b) => score(b) - score(a)).slice(0, K)
      expect([...chosen.subarray(row * K, row * K + K)]).toEqual(expected)
    }
  })

  test('of one expert each are the plain top K, and so are all groups kept', () => {
    const { probs, top } = probabilities(2)
    expect([...groupedTopK(probs, shape, { topK: K, groups: E, topGroups: K, bias: null })]).toEqual([...top])
    expect([...groupedTopK(probs, shape, { topK: K, groups: 2, topGroups: 2, bias: null })]).toEqual([...top])
  })
})

describe('capacity', () => {
  const { probs, top } = probabilities(3)
  const padding = Uint8Array.from({ length: R }, (_, row) => (row % 5 === 0 ? 1 : 0))

  test.each([1, 3, 1000])(
    'of %i keeps the most probable rows of each expert, and never a row of padding',
    (capacity) => {
      const choice = dropOverflow(wholeChoice(top, K), probs, shape, { capacity, by: 'probability', padding })
      const wanted = rowsByExpert(wholeChoice(top, K), (pair) => !padding[Math.floor(pair / K)])
      const kept = rowsByExpert(choice, (pair) => choice.taken![pair] === 1)
      wanted.forEach((rows, e) => {
        const best = rows.toSorted((a, b) => probs[b * E + e] - probs[a * E + e]).slice(0, capacity)
        expect(kept[e]).toEqual(best.sort((a, b) => a - b))
      })
      const lost = wanted.reduce((sum, { length }) => sum + Math.max(0, length - capacity), 0)
      expect(choice.dropped).toBe(lost)
    },
  )

  test('by position keeps the first rows of each expert', () => {
    const choice = dropOverflow(wholeChoice(top, K), probs, shape, { capacity: 4, by: 'position' })
    const wanted = rowsByExpert(wholeChoice(top, K), () => true)
    const kept = rowsByExpert(choice, (pair) => choice.taken![pair] === 1)
    expect(kept).toEqual(wanted.map((rows) => rows.slice(0, 4)))
  })

  test('of equally probable rows keeps the first', () => {
    const even = new Float32Array(R * E).fill(1 / E)
    const choice = dropOverflow(wholeChoice(new Int32Array(R), 1), even, shape, { capacity: 3, by: 'probability' })
    expect([...choice.taken!].map((taken, row) => (taken ? row : -1)).filter((row) => row >= 0)).toEqual([0, 1, 2])
  })
})

describe('expert choice', () => {
  test('gives each expert its most probable rows, as many each, and no row of padding', () => {
    const { probs } = probabilities(4)
    const padding = Uint8Array.from({ length: R }, (_, row) => (row > 20 ? 1 : 0))
    const choice = expertChoice(probs, shape, { capacity: 7, padding })
    const taken = rowsByExpert(choice, (pair) => choice.taken![pair] === 1)
    for (let e = 0; e < E; e++) {
      const order = Array.from({ length: 21 }, (_, row) => row).sort((a, b) => probs[b * E + e] - probs[a * E + e])
      expect(taken[e].toSorted((a, b) => a - b)).toEqual(order.slice(0, 7).sort((a, b) => a - b))
    }
    expect(choice.taken!.reduce((sum, taken) => sum + taken, 0)).toBe(7 * E)
  })

  test('has the gradient of its weights, and none in empty slots', () => {
    const choices: Choice[] = []
    checkOp({
      rng: random(8),
      inputs: { logits: { shape: [R, E], dtype: 'f32' }, expertScale: { shape: [E], dtype: 'parameter' } },
      run: ({ logits, expertScale }) => {
        const choose = (probs: Float32Array) => {
          choices.push(expertChoice(probs, shape, { capacity: 5 }))
          return choices[0]
        }
        return route(logits, { topK: K, renormalise: false, expertScale, choose }).weights
      },
      reference: ({ logits, expertScale }) => {
        const { indices, taken, slots } = choices[0]
        const options = { rows: R, experts: E, k: 1, sigmoid: false, renormalise: false }
        const { probs } = routerReference(logits, options)
        return Float64Array.from(indices, (e, pair) =>
          taken![pair] ? probs[Math.floor(pair / slots) * E + e] * expertScale[e] : 0,
        )
      },
    })
  })
})

test('round robin loads all experts alike whatever the scores', () => {
  const counts = new Int32Array(E)
  for (const e of roundRobin(3 * E, E, K, 4)) counts[e]++
  expect([...counts]).toEqual(Array<number>(E).fill((3 * E * K) / E))
  expect([...roundRobin(2, 6, 3)]).toEqual([0, 1, 2, 3, 4, 5])
})

describe('pairs that are not taken', () => {
  const taken = Uint8Array.from({ length: R * K }, (_, pair) => (pair % 3 === 1 ? 0 : 1))

  test('are behind all experts in the plan, which still inverts itself', () => {
    using _scope = memoryScope()
    const { top } = probabilities(5)
    const plan = dispatchPlan(fromArray(top, [R, K], { dtype: 'i32' }), E, taken)
    const total = taken.reduce((sum, each) => sum + each, 0)
    expect(plan.taken).toBe(total)
    expect(plan.offsets.ints[E]).toBe(total)
    plan.pairOfRow.ints.forEach((pair, row) => {
      expect(plan.rowOfPair.ints[pair]).toBe(row)
      expect(plan.tokenOfRow.ints[row]).toBe(Math.floor(pair / K))
      expect(taken[pair]).toBe(row < total ? 1 : 0)
      if (row >= total) return
      expect(row).toBeGreaterThanOrEqual(plan.offsets.ints[top[pair]])
      expect(row).toBeLessThan(plan.offsets.ints[top[pair] + 1])
    })
  })

  test('add nothing to rows, experts and router, in value and in gradient', () => {
    const [I, D] = [5, 4]
    const { top } = probabilities(6)
    checkOp({
      rng: random(9),
      inputs: {
        x: { shape: [R, I], dtype: 'f32' },
        logits: { shape: [R, E], dtype: 'f32' },
        up: { shape: [E, D, I], dtype: 'parameter' },
        down: { shape: [E, D, D], dtype: 'parameter' },
      },
      run: ({ x, logits, up, down }) => {
        const choose = (): Choice => ({ ...wholeChoice(top, K), taken })
        const { plan, weights } = route(logits, { topK: K, choose })
        const hidden = groupedLinear(x, up, plan, { gather: true })
        return combine(groupedLinear(hidden, down, plan, { gather: false }), weights, plan)
      },
      reference: ({ x, logits, up, down }) => {
        const { probs } = routerReference(logits, { rows: R, experts: E, k: 1, sigmoid: false, renormalise: false })
        const out = new Float64Array(R * D)
        top.forEach((e, pair) => {
          const row = Math.floor(pair / K)
          if (!taken[pair]) return
          // weights are over the sum of all that were chosen, dropped ones too
          const sum = probs[row * E + top[row * K]] + probs[row * E + top[row * K + 1]]
          const hidden = product(up, e, x.subarray(row * I, row * I + I), D)
          product(down, e, hidden, D).forEach((y, d) => (out[row * D + d] += (probs[row * E + e] / sum) * y))
        })
        return out
      },
      tolerance: 1e-4,
    })
  })

  test('leave no trace of what a buffer held before', () => {
    using _scope = memoryScope()
    // pooled memory comes back with its old contents
    for (let i = 0; i < 4; i++) fromArray(new Float32Array(R * K * 4).fill(NaN), [R * K, 4]).release()
    const x = fromArray(normalArray(random(10), R * 4), [R, 4], { requiresGrad: true })
    const w = new Parameter('w', [E, 4, 4])
    w.data.set(normalArray(random(11), w.size))
    w.touch()
    using tape = new Tape()
    const choose = (_: Float32Array, top: Int32Array): Choice => ({ ...wholeChoice(top.slice(), K), taken })
    const { plan, weights } = route(fromArray(normalArray(random(12), R * E), [R, E]), { topK: K, choose })
    const inner = groupedLinear(x, w, plan, { gather: true })
    const out = combine(groupedLinear(inner, w, plan, { gather: false }), weights, plan)
    out.grad = fromArray(new Float32Array(R * 4).fill(1), [R, 4])
    tape.run()
    for (const value of [...out.floats, ...x.grad!.floats, ...w.grad!.floats]) expect(Number.isFinite(value)).toBe(true)
    w.release()
  })
})

test('a slot may not be empty where weights are renormalised', () => {
  using _scope = memoryScope()
  const logits = fromArray(new Float32Array(R * E), [R, E])
  expect(() => route(logits, { topK: K, choose: (probs) => expertChoice(probs, shape, { capacity: 2 }) })).toThrow(
    'route: renormalise must be false where slots are empty, got true',
  )
})

/** w[e] x for [out, in] matrices back to back. */
function product(w: Float64Array, e: number, x: ArrayLike<number>, rows: number): Float64Array {
  const cols = x.length
  return Float64Array.from({ length: rows }, (_, i) =>
    Array.from(x).reduce((sum, value, j) => sum + value * w[(e * rows + i) * cols + j], 0),
  )
}
