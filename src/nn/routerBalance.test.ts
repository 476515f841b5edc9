// The rules that steer choices: the sign rule by its formula, the others by what they are for: loads become equal.
import { describe, expect, test } from 'vitest'
import { normalArray, random, routerReference } from '../testing/index.ts'
import { RouterBalance } from './routerBalance.ts'
import { quantileOffsets, signStep, sinkhornOffsets } from './routerRules.ts'
import { defaultRouting, type RoutingConfig } from './routingConfig.ts'

const [E, K] = [8, 2]

function balanceOf(routing: Partial<RoutingConfig>): RouterBalance {
  const full = { ...defaultRouting, balance: 'bias' as const, bias_rate: 0.1, ...routing }
  return new RouterBalance('layer.router', { experts: E, topK: K, routing: full })
}

const loads = (...counts: number[]) => ({ counts: Int32Array.from(counts), scores: null })

/** Softmax probabilities that favour the first experts, and the loads that a bias gives. */
function unevenScores(rows: number): Float32Array {
  const logits = Float64Array.from(normalArray(random(1), rows * E), (x, i) => x - 0.5 * (i % E))
  const options = { rows, experts: E, k: K, sigmoid: false, renormalise: true }
  return Float32Array.from(routerReference(logits, options).probs)
}

function maxViolation(scores: Float32Array, bias: ArrayLike<number>): number {
  const counts = new Array<number>(E).fill(0)
  for (let row = 0; row < scores.length; row += E) {
    const order = Array.from({ length: E }, (_, e) => e).sort(
      (a, b) => scores[row + b] + bias[b] - scores[row + a] - bias[a],
    )
    for (const e of order.slice(0, K)) counts[e]++
  }
  return Math.max(...counts) / ((scores.length / E) * (K / E)) - 1
}

describe('the sign rule', () => {
  test('raises what is under the mean, lowers what is over it, by gamma, less the mean of the change', () => {
    expect([...signStep(Float64Array.of(4, 0, 2, 2), 0.5)]).toEqual([-0.5, 0.5, 0, 0])
    const balance = balanceOf({})
    balance.observe(loads(10, 10, 10, 10, 10, 0, 0, 0))
    balance.endStep(0)
    // five down and three up: the mean of the change is -2/8 gamma
    const [down, up] = [-0.1 + 0.025, 0.1 + 0.025]
    const expected = [down, down, down, down, down, up, up, up]
    balance.bias!.forEach((b, e) => expect(b).toBeCloseTo(expected[e], 6))
  })

  test('counts over all micro-batches of the step, and forgets a step that was skipped', () => {
    const balance = balanceOf({})
    balance.observe(loads(9, 0, 0, 0, 0, 0, 0, 0))
    balance.observe(loads(0, 9, 9, 9, 9, 9, 9, 9))
    balance.endStep(0)
    expect([...balance.bias!]).toEqual(Array<number>(E).fill(0))
    balance.observe(loads(9, 0, 0, 0, 0, 0, 0, 0))
    balance.endStep(null)
    balance.endStep(0)
    expect([...balance.bias!]).toEqual(Array<number>(E).fill(0))
  })

  test('takes smaller steps as the run goes on, and none once it is frozen', () => {
    const stepAt = (progress: number, routing: Partial<RoutingConfig> = {}): number => {
      const balance = balanceOf(routing)
      balance.observe(loads(9, 0, 9, 0, 9, 0, 9, 0))
      balance.endStep(progress)
      return balance.bias![1]
    }
    expect(stepAt(0.5)).toBeCloseTo(0.055, 6)
    expect(stepAt(1 - 1e-9)).toBeCloseTo(0.01, 6)
    expect(stepAt(0.7, { bias_until: 0.7 })).toBe(0)
    expect(stepAt(0.1, { warmup: 0.2, warmup_by: 'balance' })).toBeCloseTo(0.1 * 0.91 * 5.5, 6)
  })

  test('brings uneven loads within a tenth of the mean', () => {
    const scores = unevenScores(1000)
    const balance = balanceOf({ bias_rate: 0.005 })
    expect(maxViolation(scores, balance.bias!)).toBeGreaterThan(1)
    for (let step = 0; step < 200; step++) {
      const counts = new Int32Array(E)
      for (let row = 0; row < scores.length; row += E) {
        const order = Array.from({ length: E }, (_, e) => e).sort(
          (a, b) => scores[row + b] + balance.bias![b] - scores[row + a] - balance.bias![a],
        )
        for (const e of order.slice(0, K)) counts[e]++
      }
      balance.observe({ counts, scores: null })
      balance.endStep(step / 200)
    }
    expect(maxViolation(scores, balance.bias!)).toBeLessThan(0.1)
  })
})

describe.each([
  ['quantile', quantileOffsets],
  ['sinkhorn', sinkhornOffsets],
] as const)('the %s rule', (name, rule) => {
  test('finds offsets under which loads are nearly equal, from none and from any', () => {
    const scores = unevenScores(1000)
    let offsets = rule(scores, new Float32Array(E), K)
    for (let i = 0; i < 10; i++) offsets = rule(scores, Float32Array.from(offsets), K)
    expect(maxViolation(scores, offsets)).toBeLessThan(name === 'quantile' ? 0.05 : 0.15)
    expect(offsets.reduce((sum, b) => sum + b, 0)).toBeCloseTo(0, 9)
  })

  test('moves the state its share of the way, from the rows of all micro-batches', () => {
    const scores = unevenScores(300)
    const balance = balanceOf({ balance: name, bias_rate: 0.5 })
    expect(balance.needsScores).toBe(true)
    for (const part of [scores.subarray(0, 100 * E), scores.subarray(100 * E)]) {
      balance.observe({ counts: new Int32Array(E).fill(1), scores: part })
    }
    balance.endStep(0)
    const [a, b] = [scores.subarray(0, 100 * E), scores.subarray(100 * E)].map((part) =>
      rule(part, new Float32Array(E), K),
    )
    balance.bias!.forEach((value, e) => expect(value).toBeCloseTo((0.5 * (a[e] + b[e])) / 2, 6))
  })

  test('does with no rows and with all experts chosen', () => {
    expect(rule(unevenScores(5), new Float32Array(E), E).every(Number.isFinite)).toBe(true)
    const balance = balanceOf({ balance: name })
    balance.observe({ counts: new Int32Array(E), scores: new Float32Array(0) })
    balance.endStep(0)
    expect([...balance.bias!]).toEqual(Array<number>(E).fill(0))
  })
})

test('loads of the last step are shares, and nothing steers where nothing is to be steered', () => {
  const balance = balanceOf({ balance: 'aux', aux_scope: 'global' })
  expect(balance.bias).toBeNull()
  expect([...balance.loads!]).toEqual(Array<number>(E).fill(1 / E))
  balance.observe(loads(6, 2, 0, 0, 0, 0, 0, 0))
  balance.observe(loads(0, 0, 2, 0, 0, 0, 0, 6))
  balance.endStep(0.5)
  expect([...balance.loads!]).toEqual([3 / 8, 1 / 8, 1 / 8, 0, 0, 0, 0, 3 / 8])
  expect(balance.buffers.map(({ name, transient }) => [name, transient])).toEqual([['layer.router.loads', true]])
  expect(balanceOf({ balance: 'aux' }).buffers).toEqual([])
})
