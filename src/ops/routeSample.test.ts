import { expect, test } from 'vitest'
import { fromArray, memoryScope } from '../tensor/index.ts'
import { normalArray, random } from '../testing/index.ts'
import { route } from './route.ts'
import { entropyOf, routeSampling } from './routeSample.ts'

const [R, E, K] = [300, 11, 3]

function logits() {
  return normalArray(random(5), R * E).map((x) => 2 * x)
}

test('a sample of all rows has the means of all rows, by sorting', () => {
  using _scope = memoryScope()
  using _sampling = routeSampling(R)
  const values = logits()
  const bias = Float32Array.from({ length: E }, (_, e) => e / 50)
  const { sample, probSums } = route(fromArray(values, [R, E]), { topK: K, bias })
  let [entropy, margin] = [0, 0]
  const sums = new Float64Array(E)
  for (let r = 0; r < R; r++) {
    const exps = Array.from(values.subarray(r * E, r * E + E), Math.exp)
    const total = exps.reduce((a, b) => a + b, 0)
    const p = exps.map((x) => x / total)
    p.forEach((x, e) => (sums[e] += x))
    entropy -= p.reduce((sum, x) => sum + x * Math.log(x), 0) / R
    const sorted = p.map((x, e) => x + bias[e]).sort((a, b) => b - a)
    margin += (sorted[K - 1] - sorted[K]) / R
  }
  expect(sample!.rows).toBe(R)
  expect(sample!.rowEntropy).toBeCloseTo(entropy, 5)
  expect(sample!.margin).toBeCloseTo(margin, 5)
  expect(Math.max(...sums.map((x, e) => Math.abs(x - probSums![e])))).toBeLessThan(1e-3)
})

test('a sample of some rows lies near the mean, and routing is the same with and without it', () => {
  using _scope = memoryScope()
  const x = fromArray(logits(), [R, E])
  const plain = route(x, { topK: K })
  expect(plain.sample).toBeNull()
  using _sampling = routeSampling()
  const sampled = route(x, { topK: K })
  expect(sampled.sample!.rows).toBe(128)
  expect([...sampled.indices.ints]).toEqual([...plain.indices.ints])
  using _all = routeSampling(R)
  const all = route(x, { topK: K }).sample!
  expect(Math.abs(sampled.sample!.rowEntropy - all.rowEntropy)).toBeLessThan(0.2)
})

test('sampling ends with its block, nests, and says nothing of no rows', () => {
  using _scope = memoryScope()
  {
    using _outer = routeSampling(8)
    {
      using _inner = routeSampling(2)
      expect(route(fromArray(logits(), [R, E]), { topK: K }).sample!.rows).toBe(2)
    }
    expect(route(fromArray(logits(), [R, E]), { topK: K }).sample!.rows).toBe(8)
    expect(route(fromArray(new Float32Array(0), [0, E]), { topK: K }).sample).toBeNull()
    expect(route(fromArray(logits(), [R, E]), { topK: E }).sample!.margin).toBeNaN()
  }
  expect(route(fromArray(logits(), [R, E]), { topK: K }).sample).toBeNull()
})

test('entropy is 0 for one of all, ln n for n alike, and does not ask for a sum of 1', () => {
  expect(entropyOf([0, 5, 0])).toBe(0)
  expect(entropyOf([2, 2, 2, 2])).toBeCloseTo(Math.log(4))
  expect(entropyOf([0.25, 0.75])).toBeCloseTo(entropyOf([1, 3]))
  expect(entropyOf([])).toBe(0)
  expect(entropyOf([0, 0])).toBe(0)
})
