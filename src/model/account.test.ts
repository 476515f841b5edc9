import { describe, expect, test } from 'vitest'
import { accountFor, keyValueBytes } from './account.ts'
import { isCapacitySpec, parseCapacity } from './capacity.ts'
import { parseConfig } from './config.ts'
import { Decoder } from './decoder.ts'
import { type ConfigName, configNames, namedConfig } from './namedConfigs.ts'
import { preset } from './presets.ts'
import { withRouting } from './routingSpec.ts'

const micro = preset('micro').config

describe('parameters', () => {
  test.each([
    ['micro', micro],
    ['without a dense MLP', withRouting(micro, 'shared=off')],
    ['without learned factors of experts', withRouting(micro, 'expert-scale=off,balance=bias')],
    ['keys as values', parseConfig({ ...micro, attention_k_eq_v: true, global_head_dim: 32, enable_moe_block: false })],
    [
      'per-layer inputs and shared keys',
      parseConfig({
        ...{ ...micro, enable_moe_block: false, hidden_size_per_layer_input: 6, vocab_size_per_layer_input: 50 },
        ...{ num_hidden_layers: 4, num_kv_shared_layers: 2, use_double_wide_mlp: true },
        layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'],
      }),
    ],
    [
      'Gemma 3',
      parseConfig({
        ...micro,
        model_type: 'gemma3_text',
        architectures: null,
        enable_moe_block: false,
        use_bidirectional_attention: null,
      }),
    ],
  ])('of a %s model are counted as the model has them', (_, config) => {
    const model = new Decoder(config)
    const scalars = config.model_type === 'gemma3_text' ? 0 : config.num_hidden_layers
    const held = model.weights.reduce((sum, { parameter }) => sum + parameter.size, scalars)
    expect(accountFor(config).parameters.total).toBe(held)
  })

  // billions: what the model card and the notes on the published configs say
  test.each<[ConfigName, { total: number; active?: number; table?: number }]>([
    ['gemma-4-26b-a4b', { total: 25.23, active: 3.82 }],
    ['gemma-4-31b', { total: 30.7 }],
    ['gemma-4-12b', { total: 11.91 }],
    ['gemma-4-e4b', { total: 4.62 + 2.82, table: 2.82 }],
    ['gemma-4-e2b', { total: 2.27 + 2.35, table: 2.35 }],
  ])('of %s are those of the card', (name, { total, active, table = 0 }) => {
    const { parameters } = accountFor(namedConfig(name))
    expect(Math.abs(parameters.total / 1e9 - total)).toBeLessThan(0.05)
    if (active !== undefined) expect(parameters.active / 1e9).toBeCloseTo(active, 2)
    expect(parameters.parts['per-layer table'].total / 1e9).toBeCloseTo(table, 1)
  })
})

test.each<[ConfigName, number[]]>([
  // layers with a cache and numbers a token, full and sliding; GB at 256K full, GB of windows, GB at 1M full; all with
  // keys and values: of the large models' full layers one is kept for both
  ['gemma-4-26b-a4b', [5, 25, 10_240, 102_400, 5.4, 0.21, 21.5]],
  ['gemma-4-31b', [10, 50, 40_960, 409_600, 21.5, 0.84, 85.9]],
  ['gemma-4-12b', [8, 40, 8192, 163_840, 4.3, 0.34, 17.2]],
  ['gemma-4-e4b', [4, 20, 8192, 20_480, 4.3, 0.02, 17.2]],
  ['gemma-4-e2b', [3, 12, 3072, 6144, 1.6, 0.006, 6.4]],
])('keys and values of %s take what the table of the notes says', (name, expected) => {
  const kept = namedConfig(name).attention_k_eq_v ? 0.5 : 1
  const { cache } = accountFor(namedConfig(name), 2 ** 18)
  const million = accountFor(namedConfig(name), 2 ** 20).cache
  expect([cache.full.layers, cache.sliding.layers]).toEqual(expected.slice(0, 2))
  expect([cache.full.bytesPerToken / 2 / kept, cache.sliding.bytesPerToken / 2]).toEqual(expected.slice(2, 4))
  expect(cache.full.bytes / 1e9 / kept).toBeCloseTo(expected[4], 1)
  expect(Math.abs(cache.sliding.bytes / 1e9 / expected[5] - 1)).toBeLessThan(0.06)
  expect(million.full.bytes / 1e9 / kept).toBeCloseTo(expected[6], 1)
  expect(million.sliding.bytes).toBe(cache.sliding.bytes)
})

test('a cache in int8 takes a byte a number and four a token and head, and at depth full layers are all of it', () => {
  const config = parseConfig({ ...preset('nano').config, max_position_embeddings: 2 ** 20 })
  const { cache } = accountFor(config, 1_000_000, 'int8')
  expect(cache.full.bytesPerToken).toBe(2 * 2 * (64 + 4))
  expect(cache.sliding.bytes).toBe(5 * 2 * 2 * 68 * 256)
  expect(keyValueBytes(config, 1_000_000)).toBe(512 * 1_000_000 + 5 * 512 * 256)
})

test('memory is weights and cache, and a token at the end of a context sees all of it in full layers only', () => {
  const config = namedConfig('gemma-4-26b-a4b')
  const [short, long] = [accountFor(config, 1024), accountFor(config, 2048)]
  expect(short.memory.int4.withCache).toBe(short.parameters.total / 2 + short.cache.bytes)
  expect(long.flops.writingPerToken - short.flops.writingPerToken).toBe(5 * 4 * 16 * 512 * 1024)
  expect(configNames).toHaveLength(5)
})

describe('a model on paper', () => {
  test('holds and uses what its words say, against a dense one', () => {
    const { held, used, dense, memory, forwardPerToken } = parseCapacity('32 experts of 50B, 2 active')
    expect({ held, used, memory, forwardPerToken }).toEqual({
      ...{ held: 1.6e12, used: 1e11, forwardPerToken: 2e11 },
      memory: { bf16: 3.2e12, int8: 1.6e12, int4: 0.8e12 },
    })
    expect(dense).toMatchObject({ parameters: 4e11, isRule: true, memory: { bf16: 8e11 }, forwardPerToken: 8e11 })
  })

  test('may have shared weights and a dense peer of its own', () => {
    const spec = parseCapacity('128 experts of 0.5b each, 8 active, 1.5B shared, against a dense 70B')
    expect(spec).toMatchObject({ held: 65.5e9, used: 5.5e9, dense: { parameters: 70e9, isRule: false } })
    expect(parseCapacity('4 experts of 7B, and 2 active vs 13B').dense.parameters).toBe(13e9)
  })

  test('is refused with an example where it cannot be read', () => {
    expect(isCapacitySpec('32 experts')).toBe(true)
    expect(isCapacitySpec('runs/experts')).toBe(false)
    expect(() => parseCapacity('32 experts')).toThrow(/must read like "32 experts of 50B, 2 active", got "32 experts"/)
    expect(() => parseCapacity('4 experts of 7B, 5 active')).toThrow('active experts must be from 1 to 4, got 5')
  })
})
