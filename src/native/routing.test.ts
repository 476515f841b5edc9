// Embedding, router, dispatch and combine against float64 references; gradients against finite differences.
import { describe, expect, it } from 'vitest'
import { kernels } from './index.ts'
import {
  combineReference,
  dotProduct,
  embeddingReference,
  expectClose,
  finiteDifference,
  fromBf16,
  normalArray,
  planReference,
  random,
  routerReference,
  toBf16,
} from '../testing/index.ts'

const rng = random(11)
const close = { rtol: 1e-4, atol: 1e-5 }
const exactly = (values: ArrayLike<number>): Float64Array => Float64Array.from(values)
const ids = (n: number, limit: number): Int32Array => Int32Array.from({ length: n }, () => rng.integer(limit))

describe('embedding', () => {
  it.each([1, 7, 17, 33, 130])('looks up rows of %i and adds their gradients back', (dim) => {
    const vocab = 19
    const rows = Int32Array.of(...ids(40, vocab), -1, vocab)
    const table = normalArray(rng, vocab * dim)
    const dy = normalArray(rng, rows.length * dim)
    const y = new Float32Array(rows.length * dim).fill(9)
    kernels.embeddingForward(rows, table, y, rows.length, dim, vocab, 3)
    expectClose(y, embeddingReference(rows, exactly(table), dim, 3), close)
    const half = new Uint16Array(rows.length * dim)
    kernels.embeddingForward(rows, toBf16(table), half, rows.length, dim, vocab, 3)
    expectClose(fromBf16(half), y, { rtol: 1e-2, atol: 0 })
    const dtable = new Float32Array(vocab * dim).fill(1)
    kernels.embeddingBackward(rows, dy, dtable, rows.length, dim, vocab, 3)
    const x = exactly(table)
    const expected = finiteDifference(() => dotProduct(embeddingReference(rows, x, dim, 3), dy), x)
    expectClose(
      dtable,
      expected.map((value) => value + 1),
      close,
    )
  })
})

const modes = [false, true].flatMap((sigmoid) => [false, true].map((renormalise) => ({ sigmoid, renormalise })))

describe.each(modes)('router with $sigmoid sigmoid, $renormalise renormalise', ({ sigmoid, renormalise }) => {
  it.each([
    [0, 8, 2],
    [3, 1, 1],
    [5, 7, 3],
    [70, 17, 4],
    [3, 100, 8],
    [2, 1024, 64],
  ])('routes %i rows over %i experts, %i each', (rows, experts, k) => {
    const logits = normalArray(rng, rows * experts)
    const bias = normalArray(rng, experts)
    const expertScale = normalArray(rng, experts)
    const dWeights = normalArray(rng, rows * k)
    const balance = normalArray(rng, experts)
    const probs = new Float32Array(rows * experts)
    const indices = new Int32Array(rows * k)
    const weights = new Float32Array(rows * k)
    const counts = new Int32Array(experts)
    const probSums = new Float32Array(experts)
    const lse = new Float32Array(rows)
    kernels.routerForward(
      ...([logits, bias, expertScale, probs, indices, weights, counts, probSums, lse] as const),
      ...([rows, experts, k, sigmoid, renormalise] as const),
    )
    const x = exactly(logits)
    const scale = exactly(expertScale)
    const options = { rows, experts, k, sigmoid, renormalise, bias, expertScale: scale }
    const expected = routerReference(x, options)
    expect(indices).toEqual(expected.indices)
    expect(counts).toEqual(expected.counts)
    expectClose(probs, expected.probs, close, 'probs')
    expectClose(weights, expected.weights, close, 'weights')
    expectClose(probSums, expected.probSums, close, 'probSums')
    expectClose(lse, expected.lse, close, 'lse')

    const dLogits = new Float32Array(rows * experts)
    const dScale = new Float32Array(experts)
    kernels.routerBackward(
      ...([dWeights, balance, 0.3, expertScale, probs, indices, weights, lse, dLogits, dScale] as const),
      ...([rows, experts, k, sigmoid, renormalise] as const),
    )
    if (rows * experts > 1200) return
    const loss = (): number => {
      const out = routerReference(x, options)
      return dotProduct(out.weights, dWeights) + dotProduct(out.probSums, balance) + 0.3 * dotProduct(out.lse, out.lse)
    }
    expectClose(dLogits, finiteDifference(loss, x), { rtol: 1e-3, atol: 1e-4 }, 'dLogits')
    expectClose(dScale, finiteDifference(loss, scale), { rtol: 1e-3, atol: 1e-4 }, 'dScale')
  })
})

describe('router', () => {
  it('prefers the lower index on a tie', () => {
    const [probs, lse] = [new Float32Array(20), new Float32Array(1)]
    const [indices, weights] = [new Int32Array(3), new Float32Array(3)]
    const [counts, sums] = [new Int32Array(20), new Float32Array(20)]
    const logits = new Float32Array(20)
    kernels.routerForward(logits, null, null, probs, indices, weights, counts, sums, lse, 1, 20, 3, false, true)
    expect(Array.from(indices)).toEqual([0, 1, 2])
  })
})

describe('dispatch', () => {
  it.each([
    [0, 2, 4],
    [1, 1, 1],
    [7, 3, 5],
    [3000, 4, 17],
  ])('sorts %i rows of %i choices among %i experts, stably', (rows, k, experts) => {
    const indices = ids(rows * k, experts)
    const offsets = new Int32Array(experts + 1)
    const [pairOfRow, rowOfPair, tokenOfRow] = [0, 1, 2].map(() => new Int32Array(rows * k))
    kernels.dispatchPlan(indices, offsets, pairOfRow, rowOfPair, tokenOfRow, rows, k, experts)
    expect({ offsets, pairOfRow, rowOfPair, tokenOfRow }).toEqual(planReference(indices, k, experts))
  })

  it.each([1, 7, 17, 33, 100])('combines rows of %i and has the gradient of it', (dim) => {
    const [rows, k] = [5, 3]
    const { rowOfPair } = planReference(ids(rows * k, 4), k, 4)
    const y = normalArray(rng, rows * k * dim)
    const weights = normalArray(rng, rows * k)
    const dOut = normalArray(rng, rows * dim)
    const out = new Float32Array(rows * dim)
    const [exactY, exactWeights] = [exactly(y), exactly(weights)]
    const forward = (): Float64Array => combineReference(exactY, exactWeights, rowOfPair, rows, k, dim)
    kernels.combineForward(y, weights, rowOfPair, out, rows, k, dim)
    expectClose(out, forward(), close)
    const half = new Uint16Array(rows * dim)
    kernels.combineForward(y, null, rowOfPair, half, rows, k, dim)
    expectClose(fromBf16(half), combineReference(exactY, null, rowOfPair, rows, k, dim), { rtol: 1e-2, atol: 1e-5 })
    const dy = new Float32Array(y.length)
    const dWeights = new Float32Array(rows * k)
    kernels.combineBackward(dOut, y, weights, rowOfPair, dy, dWeights, rows, k, dim)
    const loss = (): number => dotProduct(forward(), dOut)
    expectClose(dy, finiteDifference(loss, exactY), close, 'dy')
    expectClose(dWeights, finiteDifference(loss, exactWeights), close, 'dWeights')
  })
})
