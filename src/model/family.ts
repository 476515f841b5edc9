// The families whose text models one decoder computes, and what sets them apart.
//
// | family                | as transformers calls it                     | apart from the rest
// | Gemma 4               | gemma4_text, Gemma4ForCausalLM               | experts, per-layer inputs, k = v, shared keys and values
// | Gemma 4 unified (12B) | gemma4_unified_text, Gemma4UnifiedForCausalLM | as Gemma 4, without experts and per-layer inputs
// | Gemma 3               | gemma3_text, Gemma3ForCausalLM               | norms times 1 + w, values not normed, no layer scalar
//
// Each has the defaults of its class in transformers 5.24 for what a config.json leaves out. A config without
// model_type is one written in code: it is Gemma 4 with the defaults of `inCode`, which leave nothing to guess at.
// References: configuration_gemma4.py, configuration_gemma4_unified.py, configuration_gemma3.py.
import { ConfigError, type Given } from './configFields.ts'

export type ModelType = 'gemma4_text' | 'gemma4_unified_text' | 'gemma3_text'

/** What a family computes differently. */
export interface Family {
  architecture: string
  /** The architecture of a checkpoint that has towers or embedders for media beside the text model. */
  multimodal: string
  /** Norm factors are stored as w and used as 1 + w. */
  onePlusNorms: boolean
  /** Value heads are normalised. */
  valueNorm: boolean
  /** Each layer has a constant factor on the stream. */
  layerScalar: boolean
  /** Layers may have experts; per-layer inputs; keys that are values, or keys and values of other layers. */
  experts: boolean
  perLayerInputs: boolean
  sharedKeys: boolean
}

export const families: Record<ModelType, Family> = {
  gemma4_text: {
    architecture: 'Gemma4ForCausalLM',
    multimodal: 'Gemma4ForConditionalGeneration',
    onePlusNorms: false,
    valueNorm: true,
    layerScalar: true,
    experts: true,
    perLayerInputs: true,
    sharedKeys: true,
  },
  gemma4_unified_text: {
    architecture: 'Gemma4UnifiedForCausalLM',
    multimodal: 'Gemma4UnifiedForConditionalGeneration',
    onePlusNorms: false,
    valueNorm: true,
    layerScalar: true,
    experts: false,
    perLayerInputs: false,
    sharedKeys: true,
  },
  gemma3_text: {
    architecture: 'Gemma3ForCausalLM',
    multimodal: 'Gemma3ForConditionalGeneration',
    onePlusNorms: true,
    valueNorm: false,
    layerScalar: false,
    experts: false,
    perLayerInputs: false,
    sharedKeys: false,
  },
}

/** Values for what a config leaves out. */
export interface FamilyDefaults {
  head_dim?: number
  num_key_value_heads?: number
  /** Left out: that of sliding layers. */
  global_head_dim?: number
  enable_moe_block: boolean
  hidden_size_per_layer_input: number
  final_logit_softcapping: number
  use_bidirectional_attention: 'vision' | null
  query_pre_attn_scalar: number | null
  full_attention: { rope_type: 'default' | 'proportional'; rope_theta: number; partial_rotary_factor: number }
}

const plainRope = { rope_type: 'default', rope_theta: 1_000_000, partial_rotary_factor: 1 } as const
const partialRope = { rope_type: 'proportional', rope_theta: 1_000_000, partial_rotary_factor: 0.25 } as const
const gemma4 = {
  head_dim: 256,
  num_key_value_heads: 4,
  global_head_dim: 512,
  enable_moe_block: false,
  final_logit_softcapping: 0,
  query_pre_attn_scalar: null,
  full_attention: partialRope,
}

const inFile: Record<ModelType, FamilyDefaults> = {
  gemma4_text: { ...gemma4, hidden_size_per_layer_input: 256, use_bidirectional_attention: null },
  gemma4_unified_text: { ...gemma4, hidden_size_per_layer_input: 0, use_bidirectional_attention: 'vision' },
  gemma3_text: {
    head_dim: 256,
    num_key_value_heads: 4,
    enable_moe_block: false,
    hidden_size_per_layer_input: 0,
    final_logit_softcapping: 0,
    use_bidirectional_attention: null,
    query_pre_attn_scalar: 256,
    full_attention: plainRope,
  },
}

const inCode: FamilyDefaults = {
  enable_moe_block: true,
  hidden_size_per_layer_input: 0,
  final_logit_softcapping: 30,
  use_bidirectional_attention: 'vision',
  query_pre_attn_scalar: null,
  full_attention: partialRope,
}

/** Config objects that hold a text model and media towers: model_type of the whole -> of its text part. */
const nested: Record<string, ModelType> = {
  gemma4: 'gemma4_text',
  gemma4_unified: 'gemma4_unified_text',
  gemma3: 'gemma3_text',
  pollux: 'gemma4_text',
}

/** The model type of a text config, with the defaults that go with it. @throws ConfigError for an unknown one */
export function familyOf(given: Given): { modelType: ModelType; architectures: string[]; defaults: FamilyDefaults } {
  const known = Object.values(families).map(({ architecture }) => architecture)
  const names = given.architectures
  if (names !== undefined && names !== null) {
    const fits = Array.isArray(names) && names.length > 0 && names.every((name) => known.includes(name as string))
    if (!fits) throw new ConfigError('architectures', `one of ${known.join(', ')}`, names)
  }
  const listed = (names as string[] | null | undefined)?.[0]
  const byName = (Object.keys(families) as ModelType[]).find((type) => families[type].architecture === listed)
  const modelType = (given.model_type as ModelType | null | undefined) ?? byName ?? 'gemma4_text'
  if (!Object.hasOwn(families, modelType)) {
    const types = Object.keys(families).map((type) => `"${type}"`)
    throw new ConfigError('model_type', `one of ${types.join(', ')}`, modelType)
  }
  const { architecture } = families[modelType]
  if (listed !== undefined && listed !== architecture) {
    throw new ConfigError('architectures', `["${architecture}"], as model_type is ${modelType}`, names)
  }
  const isWritten = given.model_type !== undefined && given.model_type !== null
  return { modelType, architectures: [architecture], defaults: isWritten ? inFile[modelType] : inCode }
}

/** The text part of a config with media towers, as a text config; any other object as it is. */
export function textPart(given: Given): Given {
  const text = given.text_config as Given | undefined
  if (text === undefined) return given
  const modelType = nested[given.model_type as string]
  if (modelType === undefined) {
    const types = Object.keys(nested).map((type) => `"${type}"`)
    throw new ConfigError('model_type', `one of ${types.join(', ')} beside a text_config`, given.model_type)
  }
  if (typeof text !== 'object' || text === null) throw new ConfigError('text_config', 'an object', text)
  // what belongs to the whole may stand outside
  const { eos_token_id: eos, bos_token_id: bos, pad_token_id: pad } = given
  const ids = Object.entries({ eos_token_id: eos, bos_token_id: bos, pad_token_id: pad })
  const outer = Object.fromEntries(ids.filter(([, value]) => value !== undefined && value !== null))
  return { ...outer, model_type: modelType, ...text, architectures: undefined }
}
