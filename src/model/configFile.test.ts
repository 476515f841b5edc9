import { describe, expect, test } from 'vitest'
import { parseConfig } from './config.ts'
import { configFile, configText } from './configFile.ts'
import { preset } from './presets.ts'

const { config: sparse } = preset('nano')
const base = {
  ...{ vocab_size: 128, hidden_size: 32, num_hidden_layers: 6, num_attention_heads: 4, intermediate_size: 48 },
  ...{ sliding_window: 8, max_position_embeddings: 64, hidden_size_per_layer_input: 0, model_type: 'gemma4_text' },
}

/** As transformers 5.24 writes it. */
const perLayer = {
  ...{ ...base, attention_k_eq_v: true, num_key_value_heads: 2, head_dim: 8 },
  per_layer_config: { '5': { head_dim: 16, num_key_value_heads: 1 } },
}

test.each([
  ['sparse', sparse],
  ['with its own full layers', parseConfig(perLayer)],
  ['with per-layer inputs', parseConfig({ ...base, hidden_size_per_layer_input: 8, num_kv_shared_layers: 0 })],
  ['unified', parseConfig({ ...base, model_type: 'gemma4_unified_text', eos_token_id: [1, 50] })],
  ['Gemma 3', parseConfig({ ...base, model_type: 'gemma3_text', rope_scaling: { type: 'linear', factor: 8 } })],
])('a %s config that is written reads back the same', (_, config) => {
  // the losses of routers are a matter of training: they are written where there are routers
  const read = parseConfig(JSON.parse(configText(configFile(config, 'bf16'))))
  expect(read).toEqual(config)
})

test('numbers that transformers wants as floats are written as floats', () => {
  const text = configText(configFile(parseConfig({ ...base, final_logit_softcapping: 30 }), 'f32'))
  expect(text).toMatch(/"final_logit_softcapping": 30\.0,/)
  expect(text).toMatch(/"rope_theta": 10000\.0,/)
  expect(text).toMatch(/"hidden_size": 32,/)
  expect(configText(configFile(parseConfig(base), 'f32'))).toMatch(/"final_logit_softcapping": null,/)
})

describe('defaults', () => {
  test('of a file are those of its class in transformers', () => {
    expect(parseConfig({ ...base, hidden_size_per_layer_input: undefined })).toMatchObject({
      ...{ head_dim: 256, global_head_dim: 512, num_key_value_heads: 4, num_global_key_value_heads: 4 },
      ...{ enable_moe_block: false, final_logit_softcapping: 0, use_bidirectional_attention: null },
      ...{ hidden_size_per_layer_input: 256, vocab_size_per_layer_input: 262_144, query_pre_attn_scalar: null },
      architectures: ['Gemma4ForCausalLM'],
    })
    expect(parseConfig({ ...base, model_type: 'gemma4_unified_text' })).toMatchObject({
      ...{ use_bidirectional_attention: 'vision', hidden_size_per_layer_input: 0 },
      architectures: ['Gemma4UnifiedForCausalLM'],
    })
    const gemma3 = parseConfig({ ...base, model_type: 'gemma3_text', num_hidden_layers: 7 })
    expect(gemma3).toMatchObject({ query_pre_attn_scalar: 256, global_head_dim: 256, final_logit_softcapping: 0 })
    expect(gemma3.layer_types.map((type) => type[0]).join('')).toBe('sssssfs')
    expect(gemma3.rope_parameters.full_attention).toMatchObject({ rope_type: 'default', rope_theta: 1e6 })
  })

  test('of a config written in code leave nothing to guess at', () => {
    const { model_type: _, ...rest } = base
    expect(parseConfig({ ...rest, enable_moe_block: false, head_dim: 8 })).toMatchObject({
      ...{ global_head_dim: 8, final_logit_softcapping: 30, use_bidirectional_attention: 'vision' },
    })
  })
})

test('what full layers have of their own is read in both of the forms that transformers has had', () => {
  const { per_layer_config: _, ...rest } = perLayer
  const older = parseConfig({ ...rest, global_head_dim: 16, num_global_key_value_heads: 1 })
  expect(parseConfig(perLayer)).toEqual(older)
  expect(older).toMatchObject({ head_dim: 8, global_head_dim: 16, num_global_key_value_heads: 1 })
  // without attention_k_eq_v the number of heads does not count, as in transformers
  const { num_global_key_value_heads } = parseConfig({ ...base, num_key_value_heads: 2, num_global_key_value_heads: 1 })
  expect(num_global_key_value_heads).toBe(2)
})

test('a config.json that was written before families had names of their own still reads', () => {
  const old = {
    ...{ model_type: 'gemma4_text', architectures: ['Gemma4ForCausalLM'], vocab_size: 320, hidden_size: 32 },
    ...{ num_hidden_layers: 2, layer_types: ['sliding_attention', 'full_attention'], sliding_window: 8 },
    ...{ num_attention_heads: 2, num_key_value_heads: 1, head_dim: 16, intermediate_size: 32 },
    ...{ enable_moe_block: true, num_experts: 4, top_k_experts: 2, moe_intermediate_size: 16, rms_norm_eps: 0.000001 },
    rope_parameters: {
      sliding_attention: { rope_type: 'default', rope_theta: 10000, partial_rotary_factor: 1 },
      full_attention: { rope_type: 'proportional', rope_theta: 1000000, partial_rotary_factor: 0.25 },
    },
    ...{ final_logit_softcapping: 30, tie_word_embeddings: true, max_position_embeddings: 32, initializer_range: 0.02 },
    ...{ hidden_activation: 'gelu_pytorch_tanh', router_aux_loss_coef: 0.01, router_z_loss_coef: 0.001 },
    ...{ bos_token_id: null, eos_token_id: null, pad_token_id: null, global_head_dim: 16 },
    ...{ num_global_key_value_heads: 1, hidden_size_per_layer_input: 0, num_kv_shared_layers: 0 },
    ...{ use_double_wide_mlp: false, attention_k_eq_v: false, attention_bias: false, dtype: 'bfloat16' },
  }
  expect(parseConfig(old)).toEqual({ ...preset('micro').config, use_bidirectional_attention: null })
})

test.each([
  [{ per_layer_config: { '0': { head_dim: 16 } } }, /per_layer_config\.0 must be the number of a full_attention layer/],
  [{ per_layer_config: { '5': { sliding_window: 4 } } }, /per_layer_config\.5\.sliding_window must be left out/],
  [{ per_layer_config: { '5': { num_key_value_heads: 1 } } }, /unless attention_k_eq_v is true/],
  [{ num_kv_shared_layers: 6 }, /num_kv_shared_layers must be so few that the layers before have both kinds/],
  [{ num_kv_shared_layers: 2 }, /num_kv_shared_layers must be so few/],
  [{ use_bidirectional_attention: 'all' }, /use_bidirectional_attention must be "vision" or null .*, got "all"/],
  [{ attention_bias: true }, /attention_bias must be false \(nothing else is computed for gemma4_text\), got true/],
  [{ global_head_dim: 1024 }, /global_head_dim must be at most 512, got 1024/],
  [{ model_type: 'gemma3_text', attn_logit_softcapping: 50 }, /attn_logit_softcapping must be null .*, got 50/],
  [
    { model_type: 'gemma3_text', num_kv_shared_layers: 1 },
    /num_kv_shared_layers must be 0 .* for gemma3_text\), got 1/,
  ],
  [{ model_type: 'gemma4_unified_text', enable_moe_block: true }, /enable_moe_block must be false/],
  [{ architectures: ['Gemma3ForCausalLM'] }, /must be \["Gemma4ForCausalLM"\], as model_type is gemma4_text, got/],
  [
    { model_type: 'llava', text_config: {} },
    /model_type must be one of "gemma4", .* beside a text_config, got "llava"/,
  ],
  [{ eos_token_id: [1, 128] }, /eos_token_id must be below vocab_size \(128\), got 128/],
  [
    { rope_parameters: { full_attention: { rope_type: 'default', rope_theta: 1e6, factor: 2 } } },
    /full_attention\.factor must be 1 where rope_type is "default", got 2/,
  ],
])('refuses %j', (change, message) => {
  expect(() => parseConfig({ ...base, ...change })).toThrow(message)
})
