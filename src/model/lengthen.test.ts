import { expect, test } from 'vitest'
import { parseConfig } from './config.ts'
import { configFile } from './configFile.ts'
import { Decoder } from './decoder.ts'
import { lengthenedConfig, longestTurn, ropeFactorFor } from './lengthen.ts'
import { namedConfig } from './namedConfigs.ts'
import { preset } from './presets.ts'
import { Rng } from '../util/index.ts'

const gemma3 = parseConfig({
  ...{ model_type: 'gemma3_text', vocab_size: 256, hidden_size: 64, num_hidden_layers: 6, intermediate_size: 64 },
  ...{
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 128,
    sliding_window: 16,
    max_position_embeddings: 1024,
  },
  ...{ rope_theta: 1_000_000, rope_local_base_freq: 10_000 },
})

test('the slowest pair decides whether positions are rescaled', () => {
  // nano: 8 of 32 pairs turn, the slowest by 1e6^(-14/64) a token
  expect(longestTurn(preset('nano').config)).toBeCloseTo(2 * Math.PI * 1e6 ** (14 / 64), 6)
  expect(ropeFactorFor(preset('nano').config, 32_768)).toBe(1)
  // all pairs turn: the slowest has hardly moved within 1,024 tokens
  expect(longestTurn(gemma3)).toBeGreaterThan(1024)
  expect(ropeFactorFor(gemma3, 8192)).toBe(8)
  expect(ropeFactorFor(namedConfig('gemma-4-31b'), 2 ** 18)).toBe(1)
})

test('only full layers and the number of positions change, and the file says so as Gemma 3 does', () => {
  const long = lengthenedConfig(gemma3, { context: 8192 })
  expect(long.max_position_embeddings).toBe(8192)
  expect(long.rope_parameters.full_attention).toMatchObject({ rope_type: 'linear', factor: 8, rope_theta: 1e6 })
  expect(long.rope_parameters.sliding_attention).toEqual(gemma3.rope_parameters.sliding_attention)
  expect(parseConfig(JSON.parse(JSON.stringify(configFile(long, 'f32'))))).toEqual(long)
  const { rope_parameters: _, max_position_embeddings: __, ...rest } = long
  expect(gemma3).toMatchObject(rest)
})

test('a second stage multiplies the factor of the first', () => {
  const once = lengthenedConfig(gemma3, { context: 2048 })
  const twice = lengthenedConfig(once, { context: 8192 })
  expect(twice.rope_parameters.full_attention.factor).toBe(8)
})

test('with a factor, distances in a document of n times the length have the angles of the trained length', () => {
  // every n-th token of a long document stands where the tokens of the short one did
  const config = parseConfig({ ...gemma3, layer_types: Array(6).fill('full_attention') })
  const short = new Decoder(config).initialise(new Rng(1))
  const long = new Decoder(lengthenedConfig(config, { context: 4096, factor: 4 })).initialise(new Rng(1))
  const ids = Int32Array.of(5, 9, 2, 77, 30)
  const run = (model: Decoder, positions: Int32Array) =>
    model.forward({ ids, batch: 1, time: 5, positions }, { compute: 'f32' }).hidden.toFloat32()
  const expected = run(short, Int32Array.of(0, 1, 2, 3, 4))
  // sliding layers are not there; full ones read positions divided by 4
  run(long, Int32Array.of(0, 4, 8, 12, 16)).forEach((x, i) => expect(x).toBeCloseTo(expected[i], 4))
})

test('a shorter context, or a factor that cannot be, is refused by field', () => {
  expect(() => lengthenedConfig(gemma3, { context: 512 })).toThrow(
    'max_position_embeddings must be at least 1024, as it is, got 512',
  )
  expect(() => lengthenedConfig(gemma3, { context: 4096, factor: -1 })).toThrow('full_attention.factor must be above 0')
})
