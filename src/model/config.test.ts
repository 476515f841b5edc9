import { expect, test } from 'vitest'
import { ConfigError, defaultLayerTypes, parseConfig } from './config.ts'
import { preset, presetForDepth } from './presets.ts'

const good = preset('nano').config

test('a parsed config parses to itself, through JSON', () => {
  expect(parseConfig(JSON.parse(JSON.stringify(good)))).toEqual(good)
})

test('layers go five sliding to one full and end full', () => {
  const types = defaultLayerTypes(8)
  expect(types.map((type) => type[0]).join('')).toBe('sssssfsf')
})

test.each([
  [
    'architectures',
    ['LlamaForCausalLM'],
    /architectures must be one of Gemma4ForCausalLM, .*got \["LlamaForCausalLM"\]/,
  ],
  ['model_type', 'llama', /model_type must be one of "gemma4_text", .*got "llama"/],
  ['hidden_size', undefined, /hidden_size must be a whole number of at least 1, got nothing/],
  ['hidden_size', 1.5, /hidden_size/],
  ['num_hidden_layers', 1e9, /num_hidden_layers must be at most 1024, got 1000000000/],
  ['vocab_size', 1e9, /vocab_size must be at most 4194304/],
  ['moe_intermediate_size', 2 ** 40, /moe_intermediate_size must be at most 1048576/],
  ['max_position_embeddings', 2 ** 23, /max_position_embeddings must be at most 4194304, got 8388608/],
  ['num_key_value_heads', 4, /divisor of num_attention_heads/],
  ['head_dim', 63, /even/],
  ['top_k_experts', 17, /at most num_experts/],
  ['layer_types', ['full_attention'], /list of 6 entries/],
  ['layer_types', Array(6).fill('linear_attention'), /linear_attention/],
  ['tie_word_embeddings', false, /tie_word_embeddings/],
  ['eos_token_id', 8192, /below vocab_size/],
  ['rope_parameters', { full_attention: { rope_type: 'yarn', rope_theta: 1 } }, /rope_type/],
])('refuses %s = %j', (field, value, message) => {
  const parse = () => parseConfig({ ...good, [field]: value })
  expect(parse).toThrow(ConfigError)
  expect(parse).toThrow(message)
})

test('the dial gives a valid model at every depth, and grows with it', () => {
  let last = 0
  for (let depth = 1; depth <= 32; depth++) {
    const { config } = presetForDepth(depth)
    expect(config.num_attention_heads % config.num_key_value_heads).toBe(0)
    expect(config.hidden_size).toBeGreaterThan(last)
    last = config.hidden_size
  }
  expect(() => presetForDepth(0)).toThrow('depth must be a whole number from 1 to 64, got 0')
})
