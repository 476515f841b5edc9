import { expect, test } from 'vitest'
import { Rng } from '../util/index.ts'
import type { EngineSampling } from './engineTypes.ts'
import { tokenLogprobs } from './logprobs.ts'
import { sampleToken, type SamplingOptions } from './sampling.ts'
import { TokenSampler } from './tokenSampler.ts'

/** The plain definition: sort everything, cut, walk. */
function sampleBySorting(logits: Float32Array, options: SamplingOptions, u: number): number {
  const { temperature = 1, topK = 0, topP = 1, minP = 0 } = options
  let ids = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b)
  if (temperature === 0) return ids[0]
  const mass = (id: number): number => Math.exp((logits[id] - logits[ids[0]]) / temperature)
  const sum = (some: number[]): number => some.reduce((total, id) => total + mass(id), 0)
  if (topK > 0) ids = ids.slice(0, topK)
  const total = sum(ids)
  let count = 0
  for (let nucleus = 0; count < ids.length && nucleus < topP * total; count++) nucleus += mass(ids[count])
  ids = ids.slice(0, count).filter((id) => mass(id) >= minP)
  let draw = u * sum(ids)
  for (const id of ids) if ((draw -= mass(id)) < 0) return id
  return ids[ids.length - 1]
}

const randomLogits = (rng: Rng, size: number, spread: number): Float32Array =>
  Float32Array.from({ length: size }, () => Math.fround(rng.normal() * spread))

test('a draw by buckets is the draw by a full sort', () => {
  const rng = new Rng(1)
  for (let round = 0; round < 400; round++) {
    const logits = randomLogits(rng, 1 + rng.integer(700), [0.01, 1, 8, 60][rng.integer(4)])
    // ties, and tokens that are forbidden
    for (let i = 0; i < logits.length; i += 3) logits[i] = Math.round(logits[i])
    for (let i = 1; i < logits.length; i += 5) logits[i] = -Infinity
    const options = {
      temperature: [0, 0.3, 1, 2.5][rng.integer(4)],
      topK: [0, 1, 7, 64][rng.integer(4)],
      topP: [1, 0.95, 0.5, 0.01][rng.integer(4)],
      minP: [0, 0, 0.05, 1][rng.integer(4)],
    }
    const seed = rng.integer(1e9)
    const expected = sampleBySorting(logits, options, new Rng(seed).uniform())
    expect(sampleToken(logits, options, new Rng(seed)), JSON.stringify(options)).toBe(expected)
  }
})

test('the smallest vocabulary and the largest are served', () => {
  expect(sampleToken(Float32Array.of(-3), {}, new Rng(0))).toBe(0)
  const logits = randomLogits(new Rng(2), 262_144, 2)
  const options = { topK: 64, topP: 0.9 }
  expect(sampleToken(logits, options, new Rng(5))).toBe(sampleBySorting(logits, options, new Rng(5).uniform()))
})

test('penalties, bias and mask change the logits as their definitions say', () => {
  const logits = Float32Array.of(2, 2, -1, 0.5, 3)
  const greedy = (sampling: EngineSampling, prompt: number[], written: number[], mask?: Uint32Array): number => {
    const sampler = new TokenSampler({ temperature: 0, ...sampling }, 5, prompt)
    for (const id of written) sampler.observe(id)
    return sampler.next(logits, mask)
  }
  expect(greedy({}, [], [])).toBe(4)
  expect(greedy({ presencePenalty: 1.5 }, [4], [4, 4])).toBe(0)
  expect(greedy({ presencePenalty: 0.9 }, [], [4, 4])).toBe(4)
  expect(greedy({ frequencyPenalty: 0.4 }, [], [4, 4])).toBe(4)
  expect(greedy({ frequencyPenalty: 0.6 }, [4], [4, 4])).toBe(0)
  expect(greedy({ repetitionPenalty: 1.6 }, [4, 0], [])).toBe(1)
  expect(greedy({ repetitionPenalty: 100 }, [0, 1, 3, 4], [2])).toBe(4)
  expect(greedy({ logitBias: [[2, 5]] }, [], [])).toBe(2)
  expect(greedy({ logitBias: [[2, 50]] }, [], [], Uint32Array.of(0b01011))).toBe(0)
  expect(logits).toEqual(Float32Array.of(2, 2, -1, 0.5, 3))
})

test('the same seed draws the same tokens, another one others', () => {
  const draws = (seed: number): number[] => {
    const [sampler, rng] = [new TokenSampler({ seed, topP: 0.9 }, 300), new Rng(9)]
    return Array.from({ length: 40 }, () => sampler.next(randomLogits(rng, 300, 1)))
  }
  expect(draws(7)).toEqual(draws(7))
  expect(draws(8)).not.toEqual(draws(7))
})

test('no token outside a mask is ever drawn, and an empty mask is refused', () => {
  const rng = new Rng(4)
  const sampler = new TokenSampler({ seed: 1, temperature: 3 }, 100)
  const mask = Uint32Array.from({ length: 4 }, () => rng.uint32() & rng.uint32())
  for (let i = 0; i < 300; i++) {
    const id = sampler.next(randomLogits(rng, 100, 1), mask)
    expect((mask[id >> 5] >>> (id & 31)) & 1).toBe(1)
  }
  expect(() => sampler.next(new Float32Array(100), new Uint32Array(4))).toThrow('some token must be allowed')
})

test('sampling that cannot be is refused before the first draw', () => {
  const make = (sampling: EngineSampling) => () => new TokenSampler(sampling, 10)
  expect(make({ minP: 2 })).toThrow('minP must be from 0 to 1, got 2')
  expect(make({ repetitionPenalty: 0 })).toThrow('repetitionPenalty must be above 0, got 0')
  expect(make({ logitBias: [[10, 1]] })).toThrow('logitBias must name ids from 0 to 9, got 10')
  expect(make({ frequencyPenalty: NaN })).toThrow('frequencyPenalty must be a number, got NaN')
})

test('log-probabilities are the log-softmax, the likeliest first', () => {
  const rng = new Rng(6)
  const logits = randomLogits(rng, 500, 3)
  logits[13] = logits[400] = 20
  const sum = logits.reduce((total, x) => total + Math.exp(x), 0)
  const all = Array.from(logits, (x, id) => ({ id, logprob: x - Math.log(sum) }))
  const ranked = [...all].sort((a, b) => b.logprob - a.logprob || a.id - b.id)
  for (const count of [0, 1, 20]) {
    const { logprob, top } = tokenLogprobs(logits, 77, count)
    expect(logprob).toBeCloseTo(all[77].logprob, 9)
    expect(top.map(({ id }) => id)).toEqual(ranked.slice(0, count).map(({ id }) => id))
    top.forEach((entry, i) => expect(entry.logprob).toBeCloseTo(ranked[i].logprob, 9))
  }
})
