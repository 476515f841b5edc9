// config.json and generation_config.json as they are written: a config in the words of transformers.
//
// Everything is written out, so that nothing is left to the defaults of a class; fields that a family does not have are
// left out. transformers checks kinds strictly: "none" is null, never 0, and a field of type float must not be written
// as a whole number (30.0, not 30), which JSON.stringify would do.
import type { ModelConfig } from './config.ts'
import { routingFile } from './configRouting.ts'
import { families } from './family.ts'

/** Dtype of stored weights. */
export type StoredAs = 'bf16' | 'f32'

/** The object of config.json. */
export function configFile(config: ModelConfig, dtype: StoredAs): Record<string, unknown> {
  const { experts, perLayerInputs, sharedKeys } = families[config.model_type]
  const {
    final_logit_softcapping: softcap,
    query_pre_attn_scalar,
    use_bidirectional_attention,
    routing,
    ...rest
  } = config
  const ownRouting = routingFile(routing, config.num_experts)
  const file: Record<string, unknown> = {
    ...rest,
    ...(ownRouting && { routing: ownRouting }),
    final_logit_softcapping: softcap === 0 ? null : softcap,
    attention_bias: false,
    attention_dropout: 0,
    dtype: dtype === 'bf16' ? 'bfloat16' : 'float32',
  }
  if (config.model_type === 'gemma3_text') {
    Object.assign(file, { query_pre_attn_scalar, use_bidirectional_attention: false, attn_logit_softcapping: null })
  } else {
    file.use_bidirectional_attention = use_bidirectional_attention
  }
  const drop = (...fields: string[]): void => fields.forEach((field) => delete file[field])
  if (!sharedKeys) {
    drop('attention_k_eq_v', 'num_kv_shared_layers', 'use_double_wide_mlp')
    drop('global_head_dim', 'num_global_key_value_heads')
  }
  if (!perLayerInputs) drop('hidden_size_per_layer_input', 'vocab_size_per_layer_input')
  else if (config.hidden_size_per_layer_input === 0) drop('vocab_size_per_layer_input')
  if (!experts) drop('enable_moe_block')
  if (!config.enable_moe_block) {
    drop('num_experts', 'top_k_experts', 'moe_intermediate_size', 'router_aux_loss_coef', 'router_z_loss_coef')
  }
  return file
}

/** Fields that are floats in transformers, in text and media configs. */
const floatFields = [
  'final_logit_softcapping',
  'rms_norm_eps',
  'initializer_range',
  'rope_theta',
  'factor',
  'partial_rotary_factor',
  'router_aux_loss_coef',
  'router_z_loss_coef',
  'residual_weight',
  'attention_logit_cap',
  'attention_invalid_logits_value',
  'gradient_clipping',
]
const wholeFloat = new RegExp(`^(\\s*"(?:${floatFields.join('|')})": -?\\d+)(,?)$`, 'gm')

/** The text of a config.json. */
export function configText(file: Record<string, unknown>): string {
  return `${JSON.stringify(file, null, 2).replace(wholeFloat, '$1.0$2')}\n`
}

/** The object of generation_config.json: how to sample, and where to stop. */
export function generationFile({ bos_token_id, eos_token_id, pad_token_id }: ModelConfig): Record<string, unknown> {
  return { bos_token_id, eos_token_id, pad_token_id, do_sample: true, temperature: 1, top_k: 64, top_p: 0.95 }
}
