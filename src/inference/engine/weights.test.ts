// An engine whose weights are kept in 16, 8 or 4 bits: how far its log-probabilities are from those of the weights as loaded.
import { expect, test } from 'vitest'
import { parseConfig, preset, type WeightKind } from '../../model/index.ts'
import type { EngineEvent, EngineRequest } from '../engineTypes.ts'
import { startEngine } from './startEngine.ts'

const config = parseConfig({
  ...preset('micro').config,
  ...{ hidden_size: 128, head_dim: 32, intermediate_size: 128, moe_intermediate_size: 64 },
  max_position_embeddings: 256,
})
const prompt = Int32Array.from({ length: 24 }, (_, i) => (i * 37) % config.vocab_size)

/** Runs one request on an engine of its own. */
async function answer(weights: WeightKind | undefined, request: EngineRequest): Promise<EngineEvent[]> {
  const engine = await startEngine({ config, seed: 3, weights })
  try {
    return await Array.fromAsync(engine.generate(request))
  } finally {
    await engine.close()
  }
}

const written = (events: readonly EngineEvent[]): { ids: number[]; logprobs: number[] } => {
  const tokens = events.filter((event) => event.type === 'token')
  return { ids: tokens.map(({ id }) => id), logprobs: tokens.map(({ logprob }) => logprob!) }
}

test('int8 gives the greedy text of bf16 nearly the same log-probabilities, int4 somewhat the same, bf16 the very same', async () => {
  const greedy: EngineRequest = {
    prompt: { ids: prompt },
    maxTokens: 40,
    sampling: { temperature: 0 },
    logprobs: { top: 0 },
  }
  const loaded = written(await answer(undefined, greedy))
  expect(loaded.ids).toHaveLength(40)
  expect(written(await answer('bf16', greedy))).toEqual(loaded)

  const ids = Int32Array.from([...prompt, ...loaded.ids])
  const reading: EngineRequest = { prompt: { ids }, maxTokens: 0, logprobs: { top: 0, prompt: true } }
  const error = async (weights: WeightKind): Promise<number> => {
    const finish = (await answer(weights, reading)).find((event) => event.type === 'finish')
    const logprobs = finish!.promptLogprobs!.slice(prompt.length - 1).map(({ logprob }) => logprob)
    // the mean: an error may make a router choose another of two near-equal experts, which moves one token far
    return logprobs.reduce((sum, logprob, i) => sum + Math.abs(logprob - loaded.logprobs[i]), 0) / logprobs.length
  }
  const errors = { bf16: await error('bf16'), int8: await error('int8'), int4: await error('int4') }
  expect(errors.bf16).toBeLessThan(1e-6)
  expect(errors.int8).toBeLessThan(0.04)
  expect(errors.int4).toBeLessThan(0.3)
  // they are not the same weights
  expect(errors.int8).toBeGreaterThan(errors.bf16)
  expect(errors.int4).toBeGreaterThan(errors.int8)
})

test('weights of another kind, or with arithmetic that they cannot serve, are refused by name', async () => {
  await expect(startEngine({ config, seed: 3, weights: 'fp8' as WeightKind })).rejects.toThrow(
    'weights must be bf16, int8, int4, got "fp8"',
  )
  await expect(startEngine({ config, seed: 3, weights: 'int8', options: { compute: 'f32' } })).rejects.toThrow(
    'compute must be bf16 with weights of int8, got f32',
  )
})
