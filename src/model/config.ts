// The shape of a model, as config.json of a Hugging Face folder states it.
//
// Field names are those of Gemma 4's text config in transformers, so one file reads both ways; the object
// is kept exactly as it is written. `parseConfig` is the only way in: it fills the documented defaults and
// refuses what this code does not compute, by field, requirement and value.
// Reference: huggingface/transformers configuration_gemma4.py (text part, with `enable_moe_block`).

import { PolluxError } from '../util/index.ts'

/** How a layer looks back: a window of the last tokens, or all of the document. */
export type LayerType = 'sliding_attention' | 'full_attention'

/** Rotary embedding of one layer type. */
export interface RopeParameters {
  /** 'default' rotates every pair; 'proportional' only the first partial_rotary_factor of them (p-RoPE). */
  rope_type: 'default' | 'proportional'
  rope_theta: number
  /** Share of pairs that rotate. Default 1. */
  partial_rotary_factor?: number
}

/** A validated model config; every field is present. */
export interface ModelConfig {
  model_type: string
  architectures: string[]
  vocab_size: number
  hidden_size: number
  num_hidden_layers: number
  /** One entry a layer; the last one is full_attention. */
  layer_types: LayerType[]
  /** Keys that a sliding layer sees, the query's own included. */
  sliding_window: number
  num_attention_heads: number
  num_key_value_heads: number
  head_dim: number
  /** Width of the dense MLP that runs beside the experts. */
  intermediate_size: number
  enable_moe_block: boolean
  num_experts: number
  top_k_experts: number
  moe_intermediate_size: number
  rms_norm_eps: number
  rope_parameters: { sliding_attention: RopeParameters; full_attention: RopeParameters }
  /** logits = cap * tanh(logits / cap); 0: none. */
  final_logit_softcapping: number
  tie_word_embeddings: true
  max_position_embeddings: number
  initializer_range: number
  hidden_activation: 'gelu_pytorch_tanh'
  /** Weight of the load-balance loss in training (Switch, eq. 4-6; the top-k form). */
  router_aux_loss_coef: number
  /** Weight of the router z-loss in training (ST-MoE, eq. 5). */
  router_z_loss_coef: number
  bos_token_id: number | null
  eos_token_id: number | null
  pad_token_id: number | null
}

/** A config that cannot be used; `field` names the entry at fault. */
export class ConfigError extends PolluxError {
  readonly field: string

  constructor(field: string, requirement: string, got: unknown) {
    super(`config: ${field} must be ${requirement}, got ${got === undefined ? 'nothing' : JSON.stringify(got)}`)
    this.name = 'ConfigError'
    this.field = field
  }
}

/** Values used for what a config leaves out: those of Gemma 4, and OLMoE's for the router losses. */
export const configDefaults = {
  model_type: 'gemma4_text',
  architectures: ['Gemma4ForCausalLM'],
  enable_moe_block: true,
  rms_norm_eps: 1e-6,
  rope_parameters: {
    sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
    full_attention: { rope_type: 'proportional', rope_theta: 1_000_000, partial_rotary_factor: 0.25 },
  },
  final_logit_softcapping: 30,
  tie_word_embeddings: true,
  initializer_range: 0.02,
  hidden_activation: 'gelu_pytorch_tanh',
  router_aux_loss_coef: 0.01,
  router_z_loss_coef: 0.001,
  bos_token_id: null,
  eos_token_id: null,
  pad_token_id: null,
} as const

const knownArchitectures = ['Gemma4ForCausalLM']

/** Gemma 4 features that this decoder does not compute, with the value that means "not used". */
const unsupported: Record<string, unknown> = {
  attention_k_eq_v: false,
  num_kv_shared_layers: 0,
  hidden_size_per_layer_input: 0,
  use_double_wide_mlp: false,
  attention_bias: false,
}

/** Largest sizes that are believed, far above any model for CPUs: a damaged file must cost an error, not the memory. */
const largest = {
  vocab_size: 2 ** 22,
  hidden_size: 2 ** 20,
  num_hidden_layers: 1024,
  sliding_window: 2 ** 22,
  num_attention_heads: 1024,
  num_key_value_heads: 1024,
  head_dim: 512,
  intermediate_size: 2 ** 20,
  num_experts: 4096,
  top_k_experts: 4096,
  moe_intermediate_size: 2 ** 20,
  max_position_embeddings: 2 ** 22,
}
/** Positions times head_dim, the size of a rotary table: 262144 positions of heads of 512, as in Gemma 4. */
const largestRope = 2 ** 27

/** Five sliding layers to one full one, the last always full (Gemma 4). */
export function defaultLayerTypes(numLayers: number): LayerType[] {
  return Array.from({ length: numLayers }, (_, i) =>
    (i + 1) % 6 === 0 || i === numLayers - 1 ? 'full_attention' : 'sliding_attention',
  )
}

/**
 * Checks a config.json object and fills its defaults.
 *
 * @param source the parsed JSON; unknown fields are ignored, as transformers does
 * @throws ConfigError naming the first field that is missing, of the wrong kind, or not supported
 */
export function parseConfig(source: unknown): ModelConfig {
  if (typeof source !== 'object' || source === null || Array.isArray(source)) {
    throw new ConfigError('config', 'a JSON object', source)
  }
  const given = source as Record<string, unknown>
  checkArchitecture(given)
  const hiddenSize = positiveInteger(given, 'hidden_size')
  const numLayers = positiveInteger(given, 'num_hidden_layers')
  const heads = positiveInteger(given, 'num_attention_heads')
  const moe = boolean(given, 'enable_moe_block', configDefaults.enable_moe_block)
  const config: ModelConfig = {
    model_type: string(given, 'model_type', configDefaults.model_type),
    architectures: (given.architectures as string[] | undefined) ?? [...configDefaults.architectures],
    vocab_size: positiveInteger(given, 'vocab_size'),
    hidden_size: hiddenSize,
    num_hidden_layers: numLayers,
    layer_types: layerTypes(given.layer_types, numLayers),
    sliding_window: positiveInteger(given, 'sliding_window'),
    num_attention_heads: heads,
    num_key_value_heads: positiveInteger(given, 'num_key_value_heads', heads),
    head_dim: positiveInteger(given, 'head_dim', Math.floor(hiddenSize / heads)),
    intermediate_size: positiveInteger(given, 'intermediate_size'),
    enable_moe_block: moe,
    num_experts: moe ? positiveInteger(given, 'num_experts') : 0,
    top_k_experts: moe ? positiveInteger(given, 'top_k_experts') : 0,
    moe_intermediate_size: moe ? positiveInteger(given, 'moe_intermediate_size') : 0,
    rms_norm_eps: number(given, 'rms_norm_eps', configDefaults.rms_norm_eps),
    rope_parameters: ropeParameters(given.rope_parameters),
    final_logit_softcapping: number(given, 'final_logit_softcapping', configDefaults.final_logit_softcapping),
    tie_word_embeddings: true,
    max_position_embeddings: positiveInteger(given, 'max_position_embeddings'),
    initializer_range: number(given, 'initializer_range', configDefaults.initializer_range),
    hidden_activation: configDefaults.hidden_activation,
    router_aux_loss_coef: number(given, 'router_aux_loss_coef', configDefaults.router_aux_loss_coef),
    router_z_loss_coef: number(given, 'router_z_loss_coef', configDefaults.router_z_loss_coef),
    bos_token_id: tokenId(given, 'bos_token_id'),
    eos_token_id: tokenId(given, 'eos_token_id'),
    pad_token_id: tokenId(given, 'pad_token_id'),
  }
  checkRelations(config, given)
  return config
}

function checkArchitecture(given: Record<string, unknown>): void {
  const names = given.architectures
  if (names !== undefined) {
    const known = Array.isArray(names) && names.every((name) => knownArchitectures.includes(name as string))
    if (!known) throw new ConfigError('architectures', `one of ${knownArchitectures.join(', ')}`, names)
  }
  if (given.model_type !== undefined && given.model_type !== configDefaults.model_type) {
    throw new ConfigError('model_type', `"${configDefaults.model_type}"`, given.model_type)
  }
  for (const [field, unused] of Object.entries(unsupported)) {
    const value = given[field]
    if (value !== undefined && value !== null && value !== unused) {
      throw new ConfigError(field, `${JSON.stringify(unused)} (nothing else is computed)`, value)
    }
  }
  if (given.tie_word_embeddings !== undefined && given.tie_word_embeddings !== true) {
    throw new ConfigError('tie_word_embeddings', 'true (the head is the embedding table)', given.tie_word_embeddings)
  }
  if (given.hidden_activation !== undefined && given.hidden_activation !== configDefaults.hidden_activation) {
    throw new ConfigError('hidden_activation', `"${configDefaults.hidden_activation}"`, given.hidden_activation)
  }
}

function checkRelations(config: ModelConfig, given: Record<string, unknown>): void {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim } = config
  if (heads % kvHeads !== 0) {
    throw new ConfigError('num_key_value_heads', `a divisor of num_attention_heads (${heads})`, kvHeads)
  }
  if (headDim % 2 !== 0) throw new ConfigError('head_dim', 'even (rotary pairs)', headDim)
  if (config.enable_moe_block && config.top_k_experts > config.num_experts) {
    throw new ConfigError('top_k_experts', `at most num_experts (${config.num_experts})`, config.top_k_experts)
  }
  if (config.max_position_embeddings * headDim > largestRope) {
    const most = `at most ${Math.floor(largestRope / headDim)} with head_dim ${headDim}`
    throw new ConfigError('max_position_embeddings', most, config.max_position_embeddings)
  }
  if (config.rms_norm_eps <= 0) throw new ConfigError('rms_norm_eps', 'above 0', config.rms_norm_eps)
  // full layers of Gemma 4 may have heads of their own; here all layers share one kind
  for (const [field, own] of [
    ['global_head_dim', headDim],
    ['num_global_key_value_heads', kvHeads],
  ] as const) {
    const value = given[field] ?? own
    if (value !== own) throw new ConfigError(field, `that of the sliding layers (${own})`, value)
  }
  for (const field of ['bos_token_id', 'eos_token_id', 'pad_token_id'] as const) {
    const id = config[field]
    if (id !== null && id >= config.vocab_size) {
      throw new ConfigError(field, `below vocab_size (${config.vocab_size})`, id)
    }
  }
}

function layerTypes(value: unknown, numLayers: number): LayerType[] {
  if (value === undefined || value === null) return defaultLayerTypes(numLayers)
  if (!Array.isArray(value) || value.length !== numLayers) {
    throw new ConfigError('layer_types', `a list of ${numLayers} entries (num_hidden_layers)`, value)
  }
  for (const type of value) {
    if (type !== 'sliding_attention' && type !== 'full_attention') {
      throw new ConfigError('layer_types', 'made of "sliding_attention" and "full_attention"', type)
    }
  }
  return value as LayerType[]
}

function ropeParameters(value: unknown): ModelConfig['rope_parameters'] {
  const given = (value ?? {}) as Record<string, unknown>
  const { sliding_attention: sliding, full_attention: full } = configDefaults.rope_parameters
  return {
    sliding_attention: oneRope(given.sliding_attention ?? sliding, 'rope_parameters.sliding_attention'),
    full_attention: oneRope(given.full_attention ?? full, 'rope_parameters.full_attention'),
  }
}

function oneRope(value: unknown, field: string): RopeParameters {
  if (typeof value !== 'object' || value === null) throw new ConfigError(field, 'an object', value)
  const given = value as Record<string, unknown>
  const type = given.rope_type
  if (type !== 'default' && type !== 'proportional') {
    throw new ConfigError(`${field}.rope_type`, '"default" or "proportional"', type)
  }
  const theta = number(given, 'rope_theta')
  const share = number(given, 'partial_rotary_factor', 1)
  if (theta <= 0) throw new ConfigError(`${field}.rope_theta`, 'above 0', theta)
  if (share < 0 || share > 1) throw new ConfigError(`${field}.partial_rotary_factor`, 'from 0 to 1', share)
  return { rope_type: type, rope_theta: theta, partial_rotary_factor: share }
}

function positiveInteger(given: Record<string, unknown>, field: keyof typeof largest, fallback?: number): number {
  const value = given[field] ?? fallback
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw new ConfigError(field, 'a whole number of at least 1', value)
  }
  if (value > largest[field]) throw new ConfigError(field, `at most ${largest[field]}`, value)
  return value
}

function number(given: Record<string, unknown>, field: string, fallback?: number): number {
  // null stands for "none" in transformers (no soft cap, no loss)
  const value = given[field] === null ? 0 : (given[field] ?? fallback)
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new ConfigError(field, 'a number', value)
  return value
}

function boolean(given: Record<string, unknown>, field: string, fallback: boolean): boolean {
  const value = given[field] ?? fallback
  if (typeof value !== 'boolean') throw new ConfigError(field, 'true or false', value)
  return value
}

function string(given: Record<string, unknown>, field: string, fallback: string): string {
  const value = given[field] ?? fallback
  if (typeof value !== 'string') throw new ConfigError(field, 'a string', value)
  return value
}

function tokenId(given: Record<string, unknown>, field: string): number | null {
  const value = given[field] ?? null
  if (value === null) return null
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ConfigError(field, 'a token id (a whole number of at least 0)', value)
  }
  return value
}
