import { describe, expect, test } from 'vitest'
import { accountFor } from './account.ts'
import { type ModelConfig, parseConfig } from './config.ts'
import { Decoder } from './decoder.ts'
import { denseOfSize, denseTwin } from './denseTwin.ts'
import { flopsPerToken } from './flops.ts'
import { preset, presetForDepth } from './presets.ts'

/** Presets, and nano with other shapes of experts. */
function shapes(): [string, ModelConfig, number][] {
  const { config, time } = preset('nano')
  const depths = [1, 2, 3, 4, 6, 8, 12, 20].map((depth): [string, ModelConfig, number] => {
    const each = presetForDepth(depth)
    return [`depth ${depth}`, each.config, each.time]
  })
  const variants = [
    { num_experts: 8 },
    { num_experts: 64, top_k_experts: 8, moe_intermediate_size: 48 },
    { num_experts: 32, top_k_experts: 1, moe_intermediate_size: 384 },
    { intermediate_size: 128, top_k_experts: 4 },
  ].map((fields): [string, ModelConfig, number] => [
    `nano with ${JSON.stringify(fields)}`,
    parseConfig({ ...config, ...fields }),
    time,
  ])
  const micro = preset('micro')
  return [...depths, ...variants, ['micro', micro.config, micro.time]]
}

/** What makes a model wide and deep, apart from its MLPs. */
const trunk = ({
  hidden_size,
  layer_types,
  num_attention_heads,
  num_key_value_heads,
  head_dim,
  vocab_size,
}: ModelConfig) => ({
  ...{ hidden_size, layer_types, num_attention_heads, num_key_value_heads, head_dim, vocab_size },
})

describe.each(shapes())('the dense models beside %s', (_, config, time) => {
  test('the twin costs as much for a token, by at most one percent more', () => {
    const twin = denseTwin(config, time)
    const ratio = flopsPerToken(twin, time) / flopsPerToken(config, time)
    expect(ratio).toBeGreaterThanOrEqual(1 - 1e-12)
    expect(ratio).toBeLessThanOrEqual(1.01)
    expect(twin.enable_moe_block).toBe(false)
    expect(trunk(twin)).toEqual(trunk(config))
  })

  test('the one of equal size holds as many weights, by at most one percent more', () => {
    const large = denseOfSize(config)
    const ratio = accountFor(large).parameters.total / accountFor(config).parameters.total
    expect(ratio).toBeGreaterThanOrEqual(1 - 1e-12)
    expect(ratio).toBeLessThanOrEqual(1.01)
    expect(trunk(large)).toEqual(trunk(config))
  })
})

test('the weights that are made agree with the account', () => {
  const { config } = preset('micro')
  const made = (model: Decoder): number => model.weights.reduce((sum, { parameter }) => sum + parameter.size, 0)
  const ratio = made(new Decoder(denseOfSize(config))) / made(new Decoder(config))
  expect(ratio).toBeGreaterThanOrEqual(1)
  expect(ratio).toBeLessThanOrEqual(1.01)
})

test('a dense model has no twin', () => {
  const { config, time } = preset('micro')
  const twin = denseTwin(config, time)
  expect(() => denseTwin(twin, time)).toThrow('denseTwin: the config must have experts, got a dense model')
  expect(() => denseOfSize(twin)).toThrow('denseOfSize: the config must have experts')
})
