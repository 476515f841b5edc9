// The shape of a model, as config.json of a Hugging Face folder states it.
//
// Field names are those of the text configs of transformers (Gemma 4, Gemma 4 unified, Gemma 3), so one file reads
// both ways. `parseConfig` is the only way in: it fills the defaults of the family (family.ts), brings older
// spellings to one form, and refuses what this code does not compute, by field, requirement and value.
// What is written back is in configFile.ts; layers.ts tells each layer's shape.
import type { RoutingConfig } from '../nn/index.ts'
import { isRecord } from '../util/index.ts'
import { boolean, ConfigError, type Given, number, record, size, tokenId, tokenIds } from './configFields.ts'
import { ropeParameters, type RopeParameters } from './configRope.ts'
import { routingField } from './configRouting.ts'
import { families, familyOf, type FamilyDefaults, type ModelType, textPart } from './family.ts'

export { ConfigError } from './configFields.ts'
export type { RopeParameters } from './configRope.ts'

/** How a layer looks back: a window of the last tokens, or all of the document. */
export type LayerType = 'sliding_attention' | 'full_attention'

/** A validated model config; every field is present. */
export interface ModelConfig {
  model_type: ModelType
  architectures: string[]
  vocab_size: number
  hidden_size: number
  num_hidden_layers: number
  /** One entry a layer; in Gemma 4 the last one is full_attention. */
  layer_types: LayerType[]
  /** Keys that a sliding layer sees, the query's own included. */
  sliding_window: number
  num_attention_heads: number
  /** Key/value heads and head width of sliding layers; of full layers: the `global` ones. */
  num_key_value_heads: number
  head_dim: number
  num_global_key_value_heads: number
  global_head_dim: number
  /** Full layers have no value projection: values are the raw keys, normalised. */
  attention_k_eq_v: boolean
  /** The last layers that use keys and values of the last layer of their type before them. */
  num_kv_shared_layers: number
  /** Those layers have a dense MLP of twice the width. */
  use_double_wide_mlp: boolean
  /** 'vision': rows of one image block see each other both ways in sliding layers; null: all is causal. */
  use_bidirectional_attention: 'vision' | null
  /** Scores are q.k / sqrt(this) (Gemma 3); null: q.k. */
  query_pre_attn_scalar: number | null
  /** Width of each layer's own input (per-layer embeddings); 0: none. Their table has vocab_size_per_layer_input rows. */
  hidden_size_per_layer_input: number
  vocab_size_per_layer_input: number
  /** Width of the dense MLP, which runs beside the experts where there are any; 0: experts stand in its place. */
  intermediate_size: number
  enable_moe_block: boolean
  num_experts: number
  top_k_experts: number
  moe_intermediate_size: number
  /** How routers choose and are kept in balance; Pollux's own field. */
  routing: RoutingConfig
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
  eos_token_id: number | number[] | null
  pad_token_id: number | null
}

/** Values used for what any config leaves out; the router losses are OLMoE's. */
export const configDefaults = {
  rms_norm_eps: 1e-6,
  initializer_range: 0.02,
  hidden_activation: 'gelu_pytorch_tanh',
  router_aux_loss_coef: 0.01,
  router_z_loss_coef: 0.001,
} as const

/** Features of these families that this decoder does not compute, with the value that means "not used". */
const unsupported: Record<string, unknown> = {
  attention_bias: false,
  attn_logit_softcapping: null,
  attention_dropout: 0,
  tie_word_embeddings: true,
  hidden_activation: configDefaults.hidden_activation,
}

/** Five sliding layers to one full one; the last always full (Gemma 4), unless `lastIsFull` is false (Gemma 3). */
export function defaultLayerTypes(numLayers: number, { pattern = 6, lastIsFull = true } = {}): LayerType[] {
  return Array.from({ length: numLayers }, (_, i) =>
    (i + 1) % pattern === 0 || (lastIsFull && i === numLayers - 1) ? 'full_attention' : 'sliding_attention',
  )
}

/**
 * Checks a config.json object and fills its defaults. Of a config with media towers, the text part is read.
 *
 * @param source the parsed JSON; unknown fields are ignored, as transformers does
 * @throws ConfigError naming the first field that is missing, of the wrong kind, or not supported
 */
export function parseConfig(source: unknown): ModelConfig {
  if (!isRecord(source)) throw new ConfigError('config', 'a JSON object', source)
  const given = textPart(source)
  const { modelType, architectures, defaults } = familyOf(given)
  checkSupported(given, modelType)
  const hiddenSize = size(given, 'hidden_size')
  const numLayers = size(given, 'num_hidden_layers')
  const experts = expertFields(given, defaults)
  const config: ModelConfig = {
    model_type: modelType,
    architectures,
    vocab_size: size(given, 'vocab_size'),
    hidden_size: hiddenSize,
    num_hidden_layers: numLayers,
    layer_types: layerTypes(given, modelType, numLayers),
    sliding_window: size(given, 'sliding_window'),
    ...headFields(given, defaults, hiddenSize),
    num_kv_shared_layers: size(given, 'num_kv_shared_layers', 0, 0),
    use_double_wide_mlp: boolean(given, 'use_double_wide_mlp', false),
    use_bidirectional_attention: bothWays(given, modelType, defaults),
    query_pre_attn_scalar: queryScalar(given, modelType, defaults),
    ...perLayerFields(given, defaults),
    intermediate_size: size(given, 'intermediate_size', undefined, experts.enable_moe_block ? 0 : 1),
    ...experts,
    rms_norm_eps: number(given, 'rms_norm_eps', configDefaults.rms_norm_eps),
    rope_parameters: ropeParameters(given, modelType, defaults),
    final_logit_softcapping: number(given, 'final_logit_softcapping', defaults.final_logit_softcapping),
    tie_word_embeddings: true,
    max_position_embeddings: size(given, 'max_position_embeddings'),
    initializer_range: number(given, 'initializer_range', configDefaults.initializer_range),
    hidden_activation: configDefaults.hidden_activation,
    router_aux_loss_coef: number(given, 'router_aux_loss_coef', auxDefault(experts.routing)),
    router_z_loss_coef: number(given, 'router_z_loss_coef', configDefaults.router_z_loss_coef),
    bos_token_id: tokenId(given, 'bos_token_id'),
    eos_token_id: tokenIds(given, 'eos_token_id'),
    pad_token_id: tokenId(given, 'pad_token_id'),
  }
  applyPerLayer(config, given)
  checkRelations(config)
  return config
}

function checkSupported(given: Given, modelType: ModelType): void {
  const { experts, perLayerInputs, sharedKeys } = families[modelType]
  const fields: Record<string, unknown> = { ...unsupported }
  if (!experts) fields.enable_moe_block = false
  if (!perLayerInputs) fields.hidden_size_per_layer_input = 0
  if (!sharedKeys)
    Object.assign(fields, { attention_k_eq_v: false, num_kv_shared_layers: 0, use_double_wide_mlp: false })
  for (const [field, unused] of Object.entries(fields)) {
    const value = given[field]
    if (value !== undefined && value !== null && value !== unused) {
      throw new ConfigError(field, `${JSON.stringify(unused)} (nothing else is computed for ${modelType})`, value)
    }
  }
}

/** Heads of both layer types. `num_global_key_value_heads` counts only where keys are values, as in transformers. */
function headFields(given: Given, defaults: FamilyDefaults, hiddenSize: number) {
  const heads = size(given, 'num_attention_heads')
  const kvHeads = size(given, 'num_key_value_heads', defaults.num_key_value_heads ?? heads)
  const headDim = size(given, 'head_dim', defaults.head_dim ?? Math.floor(hiddenSize / heads))
  const keysAreValues = boolean(given, 'attention_k_eq_v', false)
  return {
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: headDim,
    num_global_key_value_heads: keysAreValues ? size(given, 'num_global_key_value_heads', kvHeads) : kvHeads,
    global_head_dim: size(given, 'global_head_dim', defaults.global_head_dim ?? headDim),
    attention_k_eq_v: keysAreValues,
  }
}

function perLayerFields(given: Given, defaults: FamilyDefaults) {
  const width = size(given, 'hidden_size_per_layer_input', defaults.hidden_size_per_layer_input, 0)
  return {
    hidden_size_per_layer_input: width,
    vocab_size_per_layer_input: width > 0 ? size(given, 'vocab_size_per_layer_input', 262_144) : 0,
  }
}

function expertFields(given: Given, defaults: FamilyDefaults) {
  const moe = boolean(given, 'enable_moe_block', defaults.enable_moe_block)
  const sizes = {
    num_experts: moe ? size(given, 'num_experts') : 0,
    top_k_experts: moe ? size(given, 'top_k_experts') : 0,
  }
  if (moe && sizes.top_k_experts > sizes.num_experts) {
    throw new ConfigError('top_k_experts', `at most num_experts (${sizes.num_experts})`, sizes.top_k_experts)
  }
  return {
    enable_moe_block: moe,
    ...sizes,
    moe_intermediate_size: moe ? size(given, 'moe_intermediate_size') : 0,
    routing: routingField(given, sizes),
  }
}

/** The balance loss is on where nothing else keeps the balance. */
function auxDefault({ balance }: RoutingConfig): number {
  return balance === 'aux' ? configDefaults.router_aux_loss_coef : 0
}

function bothWays(given: Given, modelType: ModelType, defaults: FamilyDefaults): 'vision' | null {
  const field = 'use_bidirectional_attention'
  const value = given[field] === undefined ? defaults[field] : given[field]
  if (value === null || value === false) return null
  if (value === 'vision' && modelType !== 'gemma3_text') return 'vision'
  const allowed = modelType === 'gemma3_text' ? 'false' : '"vision" or null'
  throw new ConfigError(field, `${allowed} (the model predicts the next token)`, value)
}

function queryScalar(given: Given, modelType: ModelType, defaults: FamilyDefaults): number | null {
  const field = 'query_pre_attn_scalar'
  if (modelType !== 'gemma3_text') return null
  const value = number({ [field]: given[field] ?? undefined }, field, defaults[field] ?? 256)
  if (value <= 0) throw new ConfigError(field, 'above 0', value)
  return value
}

function layerTypes(given: Given, modelType: ModelType, numLayers: number): LayerType[] {
  const isGemma3 = modelType === 'gemma3_text'
  const value = given.layer_types
  if (value === undefined || value === null) {
    const pattern = isGemma3 ? Number(given.sliding_window_pattern ?? given._sliding_window_pattern ?? 6) : 6
    if (!(pattern >= 1)) throw new ConfigError('sliding_window_pattern', 'at least 1', given.sliding_window_pattern)
    return defaultLayerTypes(numLayers, { pattern, lastIsFull: !isGemma3 })
  }
  if (!Array.isArray(value) || value.length !== numLayers) {
    throw new ConfigError('layer_types', `a list of ${numLayers} entries (num_hidden_layers)`, value)
  }
  for (const type of value) {
    if (type !== 'sliding_attention' && type !== 'full_attention') {
      throw new ConfigError('layer_types', 'made of "sliding_attention" and "full_attention"', type)
    }
  }
  const types = [...(value as LayerType[])]
  // as transformers does, in Gemma 4
  if (!isGemma3) types[numLayers - 1] = 'full_attention'
  return types
}

/**
 * `per_layer_config`, the form in which transformers 5.24 writes what full layers have of their own: layer number
 * (or layer type) -> fields. It takes the place of global_head_dim and num_global_key_value_heads.
 */
function applyPerLayer(config: ModelConfig, given: Given): void {
  if (given.per_layer_config === undefined || given.per_layer_config === null) return
  const overrides = record(given, 'per_layer_config')
  const isFull = (key: string): boolean =>
    key === 'full_attention' || config.layer_types[Number(key)] === 'full_attention'
  const full = new Set(Object.keys(overrides).filter(isFull))
  config.global_head_dim = config.head_dim
  config.num_global_key_value_heads = config.num_key_value_heads
  for (const [key, value] of Object.entries(overrides)) {
    const field = `per_layer_config.${key}`
    if (!full.has(key)) throw new ConfigError(field, 'the number of a full_attention layer', key)
    if (!isRecord(value)) throw new ConfigError(field, 'an object', value)
    for (const name of Object.keys(value)) {
      if (name !== 'head_dim' && name !== 'num_key_value_heads') {
        throw new ConfigError(`${field}.${name}`, 'left out (head_dim and num_key_value_heads may differ)', value[name])
      }
    }
    config.global_head_dim = size(value, 'head_dim', config.head_dim)
    config.num_global_key_value_heads = size(value, 'num_key_value_heads', config.num_key_value_heads)
  }
  const kinds = new Set([...full].map((key) => JSON.stringify(overrides[key], ['head_dim', 'num_key_value_heads'])))
  const fullLayers = config.layer_types.filter((type) => type === 'full_attention').length
  if (kinds.size > 1 || (full.size > 0 && full.size < fullLayers && !full.has('full_attention'))) {
    throw new ConfigError('per_layer_config', 'the same for all full_attention layers', overrides)
  }
  if (!config.attention_k_eq_v && config.num_global_key_value_heads !== config.num_key_value_heads) {
    throw new ConfigError('per_layer_config', 'without num_key_value_heads unless attention_k_eq_v is true', overrides)
  }
}

function checkRelations(config: ModelConfig): void {
  const { num_attention_heads: heads, num_kv_shared_layers: shared, num_hidden_layers: layers } = config
  for (const field of ['num_key_value_heads', 'num_global_key_value_heads'] as const) {
    if (heads % config[field] !== 0) {
      throw new ConfigError(field, `a divisor of num_attention_heads (${heads})`, config[field])
    }
  }
  for (const field of ['head_dim', 'global_head_dim'] as const) {
    if (config[field] % 2 !== 0) throw new ConfigError(field, 'even (rotary pairs)', config[field])
  }
  if (config.routing.balance === 'none' && config.router_aux_loss_coef !== 0) {
    throw new ConfigError('router_aux_loss_coef', '0 under routing.balance "none"', config.router_aux_loss_coef)
  }
  const donors = new Set(config.layer_types.slice(0, layers - shared))
  if (shared >= layers || config.layer_types.some((type) => !donors.has(type))) {
    const rule = 'so few that the layers before have both kinds of attention'
    if (shared > 0) throw new ConfigError('num_kv_shared_layers', rule, shared)
  }
  if (config.rms_norm_eps <= 0) throw new ConfigError('rms_norm_eps', 'above 0', config.rms_norm_eps)
  for (const field of ['bos_token_id', 'eos_token_id', 'pad_token_id'] as const) {
    for (const id of [config[field] ?? []].flat()) {
      if (id >= config.vocab_size) throw new ConfigError(field, `below vocab_size (${config.vocab_size})`, id)
    }
  }
}
