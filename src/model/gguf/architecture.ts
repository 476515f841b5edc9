// A config in the words of GGUF: the architectures gemma4 and gemma3 of llama.cpp.
//
// llama.cpp computes less than a config can say, and computes it silently: what it would compute otherwise is refused here by
// name. Facts: llama.cpp src/models/gemma4.cpp, gemma3.cpp, src/llama-arch.cpp and its converter's Gemma classes.
import { defaultRouting } from '../../nn/index.ts'
import type { ModelConfig } from '../config.ts'
import { layerShapes } from '../layers.ts'
import { GgufError, type GgufValue } from './format.ts'

/** Numbers of file types (general.file_type): what most tensors are. */
export const fileTypes = { f32: 0, f16: 1, q4_0: 2, q8_0: 7, bf16: 32 } as const

/** Width of the dense MLP of zeros that stands beside experts which have none: gemma4 wants one. */
export const emptyInner = 32

/** The architecture's name. */
export function ggufArchitecture({ model_type }: ModelConfig): 'gemma3' | 'gemma4' {
  return model_type === 'gemma3_text' ? 'gemma3' : 'gemma4'
}

/**
 * The keys that tell of the model.
 *
 * @throws GgufError naming what llama.cpp would compute differently
 */
export function architectureKeys(config: ModelConfig): Map<string, GgufValue> {
  const arch = ggufArchitecture(config)
  const own = arch === 'gemma3' ? gemma3Keys(config) : gemma4Keys(config)
  const full = config.rope_parameters.full_attention
  const keys: Record<string, GgufValue> = {
    context_length: u32(config.max_position_embeddings),
    embedding_length: u32(config.hidden_size),
    block_count: u32(config.num_hidden_layers),
    vocab_size: u32(config.vocab_size),
    'attention.head_count': u32(config.num_attention_heads),
    'attention.layer_norm_rms_epsilon': f32(config.rms_norm_eps),
    'attention.sliding_window': u32(config.sliding_window),
    'rope.freq_base': f32(full.rope_theta),
    'rope.freq_base_swa': f32(config.rope_parameters.sliding_attention.rope_theta),
    ...own,
  }
  return new Map(Object.entries(keys).map(([key, value]) => [`${arch}.${key}`, value]))
}

function gemma4Keys(config: ModelConfig): Record<string, GgufValue> {
  checkRouting(config)
  checkSliding(config)
  const shapes = layerShapes(config)
  const firstShared = config.num_hidden_layers - config.num_kv_shared_layers
  for (const { donor, type } of shapes) {
    const expected = firstShared - (type === 'sliding_attention' ? 2 : 1)
    if (donor === null || donor === expected) continue
    refuse('layer_types', `with shared keys, layer ${expected} must be the last ${type} layer that has its own`, donor)
  }
  const inner = shapes.map((shape) => shape.inner || emptyInner)
  const keys: Record<string, GgufValue> = {
    feed_forward_length: numbers(inner),
    embedding_length_per_layer_input: u32(config.hidden_size_per_layer_input),
    'attention.head_count_kv': numbers(shapes.map(({ kvHeads }) => kvHeads)),
    'attention.key_length': u32(config.global_head_dim),
    'attention.value_length': u32(config.global_head_dim),
    'attention.key_length_swa': u32(config.head_dim),
    'attention.value_length_swa': u32(config.head_dim),
    'attention.shared_kv_layers': u32(config.num_kv_shared_layers),
    'attention.sliding_window_pattern': {
      type: 'array',
      of: 'bool',
      value: shapes.map(({ type }) => type === 'sliding_attention'),
    },
    'rope.dimension_count': u32(config.global_head_dim),
    'rope.dimension_count_swa': u32(config.head_dim),
  }
  if (config.final_logit_softcapping > 0) keys.final_logit_softcapping = f32(config.final_logit_softcapping)
  if (config.enable_moe_block) {
    keys.expert_count = u32(config.num_experts)
    keys.expert_used_count = u32(config.top_k_experts)
    keys.expert_feed_forward_length = u32(config.moe_intermediate_size)
  }
  if (config.hidden_size_per_layer_input > 0 && config.vocab_size_per_layer_input !== config.vocab_size) {
    refuse('vocab_size_per_layer_input', `must be vocab_size (${config.vocab_size})`, config.vocab_size_per_layer_input)
  }
  return keys
}

function gemma3Keys(config: ModelConfig): Record<string, GgufValue> {
  checkSliding(config)
  const { rope_type, factor = 1 } = config.rope_parameters.full_attention
  if (rope_type === 'proportional') refuse('rope_parameters.full_attention', 'must turn all pairs', rope_type)
  if (config.final_logit_softcapping > 0)
    refuse('final_logit_softcapping', 'must be none', config.final_logit_softcapping)
  const keys: Record<string, GgufValue> = {
    feed_forward_length: u32(config.intermediate_size),
    'attention.head_count_kv': u32(config.num_key_value_heads),
    'attention.key_length': u32(config.head_dim),
    'attention.value_length': u32(config.head_dim),
    'attention.sliding_window_pattern': u32(layerPeriod(config)),
  }
  if (factor !== 1) {
    keys['rope.scaling.type'] = text('linear')
    keys['rope.scaling.factor'] = f32(factor)
  }
  return keys
}

/** Layers from one full one to the next: Gemma 3's are counted off, not listed. */
function layerPeriod({ layer_types: types }: ModelConfig): number {
  const first = types.indexOf('full_attention')
  const period = first < 0 ? types.length + 1 : first + 1
  const irregular = types.some((type, i) => (type === 'full_attention') !== ((i + 1) % period === 0))
  if (irregular) refuse('layer_types', `must have a full layer every ${period} layers`, types.join(', '))
  return period
}

function checkSliding(config: ModelConfig): void {
  const { rope_type: type, factor = 1, partial_rotary_factor: share = 1 } = config.rope_parameters.sliding_attention
  if (factor !== 1 || share !== 1) refuse('rope_parameters.sliding_attention', 'must turn all pairs, unscaled', type)
}

/** Routing keys that change what a pass computes outside of training. */
const routingThatCounts = ['score', 'renormalise', 'norm_first', 'groups', 'top_groups'] as const

function checkRouting({ enable_moe_block, routing }: ModelConfig): void {
  if (!enable_moe_block) return
  for (const key of routingThatCounts) {
    if (routing[key] === defaultRouting[key]) continue
    // weights of a single group are those of no groups
    if (key === 'top_groups' && routing.groups === 1) continue
    refuse(`routing.${key}`, `must be ${String(defaultRouting[key])}`, routing[key])
  }
  if (routing.choice === 'round-robin') refuse('routing.choice', 'must be a choice', routing.choice)
}

/** Throws that llama.cpp cannot do what a field asks for. */
export function refuse(field: string, requirement: string, value: unknown): never {
  throw new GgufError(field, `${requirement}, got ${String(value)}`, {
    hint: 'llama.cpp would compute another model; pollux export --hf keeps all of this one',
  })
}

const u32 = (value: number): GgufValue => ({ type: 'u32', value })
const f32 = (value: number): GgufValue => ({ type: 'f32', value })
const text = (value: string): GgufValue => ({ type: 'string', value })
/** One number where all layers have the same, else a list. */
const numbers = (list: number[]): GgufValue =>
  list.every((value) => value === list[0]) ? u32(list[0]) : { type: 'array', of: 'u32', value: list }
