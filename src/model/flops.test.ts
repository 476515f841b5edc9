import { expect, test } from 'vitest'
import { Decoder } from './decoder.ts'
import { activeParameters, flopsPerToken, meanKeys } from './flops.ts'
import { preset } from './presets.ts'

const { config } = preset('nano')

test('the keys a query sees are counted row by row', () => {
  for (const [time, window] of [
    [10, 4],
    [10, 10],
    [3, 8],
    [512, 256],
  ]) {
    let seen = 0
    for (let i = 0; i < time; i++) seen += Math.min(i + 1, window)
    expect(meanKeys(time, window)).toBeCloseTo(seen / time, 10)
  }
})

test('active weights are those of all products, less the experts a token does not meet', () => {
  const model = new Decoder(config)
  let products = 0
  for (const { role, parameter } of model.weights) {
    const idle = parameter.name.includes('.experts.') ? 1 - config.top_k_experts / config.num_experts : 0
    if (['matrix', 'experts', 'embedding', 'router'].includes(role)) products += parameter.size * (1 - idle)
  }
  expect(activeParameters(config)).toBe(products)
})

test('a token costs six times its weights, and attention on top', () => {
  const { num_attention_heads: heads, head_dim: headDim } = config
  const attention = flopsPerToken(config, 512) - 6 * activeParameters(config)
  expect(attention).toBeCloseTo(12 * heads * headDim * (5 * meanKeys(512, 256) + 256.5), 3)
})
