// The published Gemma 4 text models by name, for answers on paper: what they hold, use, cost and cache.
//
// Values: convert_gemma4_weights.py of transformers (_VARIANTS) and gemma nn/gemma4/_gemma4.py; of the 12B, the config
// of gemma4_unified. What the models have in common stands once.
import { type ModelConfig, parseConfig } from './config.ts'

const common = {
  model_type: 'gemma4_text',
  vocab_size: 262_144,
  head_dim: 256,
  global_head_dim: 512,
  final_logit_softcapping: 30,
  hidden_size_per_layer_input: 0,
  eos_token_id: [1, 106],
  bos_token_id: 2,
  pad_token_id: 0,
}

/** 26B-A4B, 31B and 12B: values of full layers are their keys; pictures see themselves both ways. */
const large = {
  ...common,
  attention_k_eq_v: true,
  sliding_window: 1024,
  max_position_embeddings: 262_144,
  use_bidirectional_attention: 'vision',
}

/** E2B and E4B: an input of its own for each layer, the last layers with keys of earlier ones. */
const small = {
  ...common,
  hidden_size_per_layer_input: 256,
  vocab_size_per_layer_input: 262_144,
  num_attention_heads: 8,
  sliding_window: 512,
  max_position_embeddings: 131_072,
}

/** Sliding layers, then a full one, again and again. */
const pattern = (sliding: number, times: number): string[] =>
  Array.from({ length: times }, () => [...Array<string>(sliding).fill('sliding_attention'), 'full_attention']).flat()

const sources = {
  'gemma-4-26b-a4b': {
    ...large,
    hidden_size: 2816,
    num_hidden_layers: 30,
    layer_types: pattern(5, 5),
    num_attention_heads: 16,
    num_key_value_heads: 8,
    num_global_key_value_heads: 2,
    intermediate_size: 2112,
    enable_moe_block: true,
    num_experts: 128,
    top_k_experts: 8,
    moe_intermediate_size: 704,
  },
  'gemma-4-31b': {
    ...large,
    hidden_size: 5376,
    num_hidden_layers: 60,
    layer_types: pattern(5, 10),
    num_attention_heads: 32,
    num_key_value_heads: 16,
    num_global_key_value_heads: 4,
    intermediate_size: 21_504,
  },
  'gemma-4-12b': {
    ...large,
    model_type: 'gemma4_unified_text',
    hidden_size: 3840,
    num_hidden_layers: 48,
    layer_types: pattern(5, 8),
    num_attention_heads: 16,
    num_key_value_heads: 8,
    num_global_key_value_heads: 1,
    intermediate_size: 15_360,
  },
  'gemma-4-e4b': {
    ...small,
    hidden_size: 2560,
    num_hidden_layers: 42,
    layer_types: pattern(5, 7),
    num_key_value_heads: 2,
    intermediate_size: 10_240,
    num_kv_shared_layers: 18,
  },
  'gemma-4-e2b': {
    ...small,
    hidden_size: 1536,
    num_hidden_layers: 35,
    layer_types: pattern(4, 7),
    num_key_value_heads: 1,
    intermediate_size: 6144,
    use_double_wide_mlp: true,
    num_kv_shared_layers: 20,
  },
} as const satisfies Record<string, Record<string, unknown>>

export type ConfigName = keyof typeof sources

/** Names of the published models, largest first. */
export const configNames = Object.keys(sources) as ConfigName[]

/** The text config of a published model. */
export function namedConfig(name: ConfigName): ModelConfig {
  return parseConfig(sources[name])
}
