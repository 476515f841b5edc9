// The balance loss as a quantity: what it is 1 for, what it does not depend on, and its gradient where loads are counted over
// sequences, over something larger, or without padding. References are plain sums in float64.
import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope, Tape, zeros } from '../tensor/index.ts'
import { checkOp, normalArray, random, routerReference } from '../testing/index.ts'
import { dropOverflow, route, wholeChoice } from './index.ts'

const [R, E, K] = [12, 5, 2]

/** E sum f P over the given rows, choice and probabilities by a plain sort. */
function balanceOf(logits: ArrayLike<number>, rows: number[], { sigmoid = false, loads }: Kind & { loads?: number[] }) {
  const all = Float64Array.from(rows.flatMap((r) => Array.from({ length: E }, (_, e) => logits[r * E + e])))
  const reference = routerReference(all, { rows: rows.length, experts: E, k: K, sigmoid, renormalise: true })
  return reference.probSums.reduce((sum, p, e) => {
    const f = loads?.[e] ?? reference.counts[e] / (rows.length * K)
    return sum + E * f * (p / rows.length)
  }, 0)
}

interface Kind {
  sigmoid?: boolean
}
const kinds: Kind[] = [{ sigmoid: false }, { sigmoid: true }]
const rowsOf = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const padding = Uint8Array.from({ length: R }, (_, row) => (row % 4 === 3 || row > 9 ? 1 : 0))
const counted = rowsOf(0, R).filter((row) => !padding[row])

describe.each(kinds)('route %o', (kind) => {
  test('uniform routing gives exactly the coefficient, for every number of experts and slots', () => {
    using _scope = memoryScope()
    for (const [experts, slots] of [
      [4, 1],
      [4, 3],
      [16, 2],
      [7, 7],
    ]) {
      // rows in turn prefer each stretch of neighbours by the same amount: loads and mean probabilities are equal
      const logits = Float32Array.from({ length: experts * experts }, (_, i) => {
        const [row, e] = [Math.floor(i / experts), i % experts]
        return (e - row + experts) % experts < slots ? 2 : 0
      })
      const { balanceLoss } = route(fromArray(logits, [experts, experts]), { topK: slots, ...kind })
      expect(balanceLoss).toBeCloseTo(1, 6)
    }
  })

  test('all rows on the same experts give E/K of it where the router is sure, whatever K', () => {
    using _scope = memoryScope()
    for (const slots of [1, 2, 4]) {
      const logits = Float32Array.from({ length: 6 * 8 }, (_, i) => (i % 8 < slots ? 15 : -15))
      const { balanceLoss } = route(fromArray(logits, [6, 8]), { topK: slots, ...kind })
      expect(balanceLoss).toBeCloseTo(8 / slots, 4)
    }
  })

  test('over sequences it is the mean of that of each, with its gradient', () => {
    const sequence = 5 // the last one is shorter
    const spans = [rowsOf(0, 5), rowsOf(5, 10), rowsOf(10, 12)]
    const expected = (logits: ArrayLike<number>) =>
      spans.reduce((sum, rows) => sum + balanceOf(logits, rows, kind) / spans.length, 0)
    using _scope = memoryScope()
    const logits = normalArray(random(3), R * E)
    const result = route(fromArray(logits, [R, E]), { topK: K, sequence, ...kind })
    expect(result.balanceLoss).toBeCloseTo(expected(logits), 5)
    expect([...result.counts]).toEqual([...route(fromArray(logits, [R, E]), { topK: K, ...kind }).counts])
    checkOp({
      rng: random(4),
      inputs: { logits: { shape: [R, E], dtype: 'f32' } },
      run: ({ logits }) => route(logits, { topK: K, sequence, balanceCoefficient: 3, ...kind }).weights,
      reference: ({ logits }) => weightsOf(logits, kind),
      ownLoss: ({ logits }) => 3 * expected(logits),
    })
  })

  test('given loads take the place of its own, in value and gradient', () => {
    const loads = [0.5, 0.3, 0.1, 0.1, 0]
    checkOp({
      rng: random(5),
      inputs: { logits: { shape: [R, E], dtype: 'f32' } },
      run: ({ logits }) => {
        const result = route(logits, { topK: K, loads: Float32Array.from(loads), balanceCoefficient: 2, ...kind })
        expect(result.balanceLoss).toBeCloseTo(balanceOf(logits.floats, rowsOf(0, R), { ...kind, loads }), 5)
        return result.weights
      },
      reference: ({ logits }) => weightsOf(logits, kind),
      ownLoss: ({ logits }) => 2 * balanceOf(logits, rowsOf(0, R), { ...kind, loads }),
    })
  })

  test('rows of padding count for no load and no loss and have no gradient', () => {
    using _scope = memoryScope()
    const logits = normalArray(random(6), R * E)
    const options = { topK: K, balanceCoefficient: 0.7, zCoefficient: 0.3, keepScores: true, ...kind }
    const few = fromArray(
      counted.flatMap((row) => [...logits.subarray(row * E, (row + 1) * E)]),
      [counted.length, E],
      { requiresGrad: true },
    )
    const all = fromArray(logits, [R, E], { requiresGrad: true })
    using tape = new Tape()
    const padded = route(all, { ...options, padding })
    const plain = route(few, options)
    expect([...padded.counts]).toEqual([...plain.counts])
    expect(padded.balanceLoss).toBeCloseTo(plain.balanceLoss, 6)
    expect(padded.zLoss).toBeCloseTo(plain.zLoss, 6)
    expect([...padded.scores!]).toEqual([...plain.scores!])
    padded.probSums.forEach((p, e) => expect(p).toBeCloseTo(plain.probSums[e], 5))
    tape.run()
    counted.forEach((row, i) => {
      for (let e = 0; e < E; e++) expect(all.grad!.floats[row * E + e]).toBeCloseTo(few.grad!.floats[i * E + e], 6)
    })
    padding.forEach((isPadding, row) => {
      if (isPadding) expect([...all.grad!.floats.subarray(row * E, (row + 1) * E)]).toEqual([0, 0, 0, 0, 0])
    })
  })

  test('counts what rows asked for, pairs that were dropped included', () => {
    using _scope = memoryScope()
    const logits = fromArray(normalArray(random(7), R * E), [R, E])
    const free = route(logits, { topK: K, ...kind })
    const { counts, balanceLoss, dropped } = route(logits, {
      topK: K,
      ...kind,
      choose: (probs, top) =>
        dropOverflow(wholeChoice(top, K), probs, { rows: R, experts: E }, { capacity: 2, by: 'position' }),
    })
    expect([...counts]).toEqual([...free.counts])
    expect(balanceLoss).toBeCloseTo(free.balanceLoss, 6)
    expect(dropped).toBe(free.counts.reduce((sum, count) => sum + Math.max(0, count - 2), 0))
  })
})

function weightsOf(logits: Float64Array, { sigmoid = false }: Kind): Float64Array {
  return routerReference(logits, { rows: R, experts: E, k: K, sigmoid, renormalise: true }).weights
}

test('sigmoid scores cannot hide from it by all going to 0', () => {
  using _scope = memoryScope()
  const collapsed = Float32Array.from({ length: R * E }, (_, i) => (i % E < K ? 1 : 0))
  const losses = [0, -10, -30, -60].map((shift) => {
    const logits = fromArray(
      collapsed.map((x) => x + shift),
      [R, E],
      { requiresGrad: true },
    )
    using tape = new Tape()
    const { balanceLoss } = route(logits, { topK: K, sigmoid: true, balanceCoefficient: 1 })
    tape.run()
    // what would push all logits of a row down together, relative to what pushes single ones
    const row = logits.grad!.floats.subarray(0, E)
    const together = row.reduce((sum, x) => sum + x, 0)
    return { balanceLoss, together, largest: Math.max(...row.map(Math.abs)) }
  })
  // far down, sigmoid is exp and its shares are those of a softmax: the loss stays, and so does the pull apart
  const limit = (K * Math.E) / (K * Math.E + E - K)
  for (const { balanceLoss, together, largest } of losses.slice(1)) {
    expect(balanceLoss).toBeCloseTo((E / K) * limit, 3)
    expect(largest).toBeGreaterThan(1e-3)
    expect(Math.abs(together)).toBeLessThan(1e-3 * largest)
  }
})

test('without rows, or with padding alone, there is no loss', () => {
  using _scope = memoryScope()
  const none = { balanceLoss: 0, zLoss: 0 }
  expect(route(zeros([0, 3]), { topK: 1, sequence: 4, padding: new Uint8Array(0) })).toMatchObject(none)
  expect(route(zeros([2, 3]), { topK: 1, padding: Uint8Array.of(1, 1), balanceCoefficient: 1 })).toMatchObject(none)
})

test('loads and padding of another length are refused', () => {
  using _scope = memoryScope()
  expect(() => route(zeros([2, 3]), { topK: 1, loads: new Float32Array(2) })).toThrow(
    'route: loads must have 3 entries, got 2',
  )
  expect(() => route(zeros([2, 3]), { topK: 1, padding: new Uint8Array(3) })).toThrow(
    'route: padding must have 2 entries, got 3',
  )
})
