import { expect, test } from 'vitest'
import type { FsqConfig } from '../model/index.ts'
import { Rng } from '../util/index.ts'
import { codeUsage, trainMediaTokenizer } from './index.ts'
import { balancedBatch, flatnessTest } from './mediaTokenizerBatch.ts'

const P = 48
const shape = { kind: 'image', inputDim: P, channels: 3, hidden: 32, depth: 1 } as const

/** Patches of 4x4 pixels cut by an edge between two of three colours; half of them flat. */
function edges(seed: number): (count: number) => Float32Array {
  const rng = new Rng(seed)
  const colours = [
    [0.9, 0.1, 0.1],
    [0.1, 0.2, 0.9],
    [0.8, 0.8, 0.8],
  ]
  return (count) => {
    const out = new Float32Array(count * P)
    for (let n = 0; n < count; n++) {
      const [a, b] = [colours[rng.integer(3)], colours[rng.integer(3)]]
      const cut = rng.uniform() < 0.5 ? 0 : 1 + rng.integer(3)
      for (let i = 0; i < P; i++) out[n * P + i] = (Math.floor(i / 3) % 4 < cut ? a : b)[i % 3]
    }
    return out
  }
}

test('training learns to bring patches back that it never saw, and uses many codes', async () => {
  const losses: number[] = []
  const { mse, psnr, usage, steps, stopped, entropyPerPatch } = await trainMediaTokenizer({
    tokenizer: shape,
    nextPatches: edges(1),
    heldOut: edges(2)(400),
    horizon: { steps: 150 },
    batch: 128,
    learningRate: 0.005,
    onStep: ({ loss }) => losses.push(loss),
  })
  expect([steps, losses.length, stopped]).toEqual([150, 150, false])
  // the variance of the patches is about 0.1: what the mean patch alone would lose
  expect(mse).toBeLessThan(0.01)
  expect(psnr).toBeCloseTo(10 * Math.log10(0.8 ** 2 / mse), 3)
  expect(usage.length).toBe(2)
  // 9 pairs of colours; of different ones with 3 cuts, and 3 flat ones: the patches have 21 kinds
  expect(entropyPerPatch).toBeGreaterThan(2.5)
  expect(entropyPerPatch).toBeLessThanOrEqual(Math.log2(21))
  for (const { used, perplexity } of usage) {
    expect(used).toBeGreaterThan(3)
    expect(perplexity).toBeLessThanOrEqual(used + 1e-6)
  }
})

test('equal requests give equal weights', async () => {
  const train = () =>
    trainMediaTokenizer({
      tokenizer: shape,
      nextPatches: edges(1),
      heldOut: edges(2)(16),
      horizon: { steps: 5 },
      batch: 32,
      nestedShare: 0.3,
    })
  const [a, b] = [await train(), await train()]
  a.tokenizer.weights.forEach(({ parameter }, i) =>
    expect(b.tokenizer.weights[i].parameter.data).toEqual(parameter.data),
  )
})

test('with nested dropout the first token alone brings back more', async () => {
  const train = (nestedShare: number) =>
    trainMediaTokenizer({
      tokenizer: { ...shape, levels: [4, 4] },
      nextPatches: edges(1),
      heldOut: edges(2)(200),
      horizon: { steps: 150 },
      batch: 128,
      learningRate: 0.005,
      nestedShare,
    })
  const [plain, nested] = [await train(0), await train(0.4)]
  expect(nested.firstTokenPsnr).toBeGreaterThan(plain.firstTokenPsnr + 2)
})

test('a signal stops training after the step under way', async () => {
  const controller = new AbortController()
  const { steps, stopped } = await trainMediaTokenizer({
    tokenizer: shape,
    nextPatches: edges(1),
    heldOut: edges(2)(16),
    horizon: { seconds: 600 },
    batch: 16,
    signal: controller.signal,
    onStep: ({ step }) => step === 3 && controller.abort(),
  })
  expect([steps, stopped]).toEqual([3, true])
})

test('a source that gives too few values or no numbers is refused', async () => {
  const train = (nextPatches: (count: number) => Float32Array) =>
    trainMediaTokenizer({ tokenizer: shape, nextPatches, heldOut: new Float32Array(P), horizon: { steps: 1 } })
  await expect(train(() => new Float32Array(5))).rejects.toThrow('must give 4096 x 48 values, got 5')
  await expect(train((count) => new Float32Array(count * P).fill(NaN))).rejects.toThrow('finite numbers, got NaN')
})

test('a batch holds at most the given share of flat patches, as long as others come', () => {
  const nextPatches = edges(3)
  const config = { ...shape, levels: [4], tokensPerPatch: 1 }
  const isFlat = flatnessTest(config, nextPatches(500))
  const countFlat = (batch: Float32Array) =>
    Array.from({ length: 200 }, (_, n) => batch.subarray(n * P, (n + 1) * P)).filter(isFlat).length
  const options = { batch: 200, width: P, isFlat, nextPatches }
  expect(countFlat(nextPatches(200))).toBeGreaterThan(100)
  expect(countFlat(balancedBatch({ ...options, flatShare: 0.3 }))).toBe(60)
  expect(countFlat(balancedBatch({ ...options, flatShare: 0 }))).toBe(0)
  const flatOnly = balancedBatch({ ...options, flatShare: 0.1, nextPatches: (count) => new Float32Array(count * P) })
  expect(countFlat(flatOnly)).toBe(200)
})

test('silence is flat, a steady tone is not', () => {
  const config: FsqConfig = {
    kind: 'audio',
    inputDim: 8,
    channels: 4,
    hidden: 8,
    depth: 1,
    levels: [4],
    tokensPerPatch: 1,
  }
  const silence = new Float32Array(8).fill(-2)
  const tone = Float32Array.from([-2, 1, -2, -2, -2, 1, -2, -2])
  const isFlat = flatnessTest(config, Float32Array.from([...silence, ...tone]))
  expect([isFlat(silence), isFlat(tone)]).toEqual([true, false])
})

test('perplexity counts codes by how evenly they are used', () => {
  expect(codeUsage(Int32Array.of(0, 1, 2, 3), 8)).toEqual({ used: 4, codes: 8, perplexity: 4 })
  expect(codeUsage(Int32Array.of(5, 5, 5), 8)).toEqual({ used: 1, codes: 8, perplexity: 1 })
})
