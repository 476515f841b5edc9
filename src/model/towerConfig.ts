// The towers of a config of type gemma4 (E2B, E4B, 26B-A4B, 31B): vision_config and audio_config in transformers' words.
//
// Defaults are those of Gemma4VisionConfig and Gemma4AudioConfig in transformers 5.24. What is fixed in the towers
// (activation, no biases, no look ahead) is checked and written back as it is.
import { isRecord } from '../util/index.ts'
import { ConfigError, type Given } from './configFields.ts'
import { partFields } from './mediaFields.ts'
import type { AudioTowerShape } from './towers/audio.ts'
import type { VisionTowerShape } from './towers/vision.ts'

export interface VisionTowerConfig {
  model_type: 'gemma4_vision'
  hidden_size: number
  intermediate_size: number
  num_hidden_layers: number
  num_attention_heads: number
  num_key_value_heads: number
  head_dim: number
  patch_size: number
  /** Patches a side of a soft token. */
  pooling_kernel_size: number
  /** Places an axis of the position table. */
  position_embedding_size: number
  rope_parameters: { rope_type: 'axial'; rope_theta: number }
  rms_norm_eps: number
  use_clipped_linears: boolean
  standardize: boolean
  hidden_activation: 'gelu_pytorch_tanh'
  initializer_range: number
}

export interface AudioTowerConfig {
  model_type: 'gemma4_audio'
  hidden_size: number
  num_hidden_layers: number
  num_attention_heads: number
  hidden_act: 'silu'
  /** Channels of the two convolutions; the first is the number of mel bins too. */
  subsampling_conv_channels: [number, number]
  conv_kernel_size: number
  residual_weight: number
  attention_chunk_size: number
  /** Keys a frame sees, its own included: one more than the chunk. */
  attention_context_left: number
  attention_context_right: 0
  attention_logit_cap: number
  attention_invalid_logits_value: number
  use_clipped_linears: boolean
  rms_norm_eps: number
  gradient_clipping: number
  output_proj_dims: number
  initializer_range: number
}

/** @throws ConfigError naming the field */
export function visionTowerConfig(value: unknown): VisionTowerConfig | null {
  if (value === undefined || value === null) return null
  if (!isRecord(value)) throw new ConfigError('vision_config', 'an object', value)
  const { size, positive, boolean, only, refuse } = partFields('vision_config', value)
  only('hidden_activation', 'gelu_pytorch_tanh')
  only('attention_bias', false)
  const heads = size('num_attention_heads', 12, 1024)
  const config: VisionTowerConfig = {
    model_type: 'gemma4_vision',
    hidden_size: size('hidden_size', 768, 2 ** 16),
    intermediate_size: size('intermediate_size', 3072, 2 ** 18),
    num_hidden_layers: size('num_hidden_layers', 16, 1024),
    num_attention_heads: heads,
    num_key_value_heads: size('num_key_value_heads', 12, 1024),
    head_dim: size('head_dim', 64, 512),
    patch_size: size('patch_size', 16, 256),
    pooling_kernel_size: size('pooling_kernel_size', 3, 16),
    position_embedding_size: size('position_embedding_size', 10_240, 2 ** 20),
    rope_parameters: { rope_type: 'axial', rope_theta: ropeTheta(value) },
    rms_norm_eps: positive('rms_norm_eps', 1e-6),
    use_clipped_linears: boolean('use_clipped_linears', false),
    standardize: boolean('standardize', false),
    hidden_activation: 'gelu_pytorch_tanh',
    initializer_range: positive('initializer_range', 0.02),
  }
  if (heads % config.num_key_value_heads !== 0) {
    refuse('num_key_value_heads', `a divisor of num_attention_heads (${heads})`)
  }
  if (config.head_dim % 4 !== 0) refuse('head_dim', 'a multiple of 4 (pairs that turn with x, and with y)')
  return config
}

function ropeTheta(given: Given): number {
  const value = given.rope_parameters ?? {}
  if (!isRecord(value)) throw new ConfigError('vision_config.rope_parameters', 'an object', value)
  const { positive, refuse } = partFields('vision_config.rope_parameters', value)
  // older files say "default" and mean the only kind there is
  const type = value.rope_type ?? 'axial'
  if (type !== 'axial' && type !== 'default') refuse('rope_type', '"axial"')
  return positive('rope_theta', 100)
}

/** @throws ConfigError naming the field */
export function audioTowerConfig(value: unknown): AudioTowerConfig | null {
  if (value === undefined || value === null) return null
  if (!isRecord(value)) throw new ConfigError('audio_config', 'an object', value)
  const { size, number, positive, boolean, only, refuse } = partFields('audio_config', value)
  only('hidden_act', 'silu')
  only('attention_context_right', 0)
  const config: AudioTowerConfig = {
    model_type: 'gemma4_audio',
    hidden_size: size('hidden_size', 1024, 2 ** 16),
    num_hidden_layers: size('num_hidden_layers', 12, 1024),
    num_attention_heads: size('num_attention_heads', 8, 1024),
    hidden_act: 'silu',
    subsampling_conv_channels: channels(value),
    conv_kernel_size: size('conv_kernel_size', 5, 1024),
    residual_weight: number('residual_weight', 0.5),
    attention_chunk_size: size('attention_chunk_size', 12, 2 ** 16),
    attention_context_left: size('attention_context_left', 13, 2 ** 16),
    attention_context_right: 0,
    attention_logit_cap: positive('attention_logit_cap', 50),
    attention_invalid_logits_value: number('attention_invalid_logits_value', -1e9),
    use_clipped_linears: boolean('use_clipped_linears', true),
    rms_norm_eps: positive('rms_norm_eps', 1e-6),
    gradient_clipping: positive('gradient_clipping', 1e10),
    output_proj_dims: size('output_proj_dims', 1536, 2 ** 16),
    initializer_range: positive('initializer_range', 0.02),
  }
  const { hidden_size: width, num_attention_heads: heads, attention_chunk_size: chunk } = config
  if (width % 2 !== 0 || width % heads !== 0) refuse('hidden_size', `even, and a multiple of the ${heads} heads`)
  // relative positions are counted from the middle of what a chunk sees: at other sizes they would mean something else
  if (config.attention_context_left !== chunk + 1) {
    refuse('attention_context_left', `attention_chunk_size + 1 (${chunk + 1})`)
  }
  return config
}

function channels(given: Given): [number, number] {
  const value = given.subsampling_conv_channels ?? [128, 32]
  const isChannel = (each: unknown): boolean =>
    typeof each === 'number' && Number.isSafeInteger(each) && each >= 1 && each <= 4096
  if (!Array.isArray(value) || value.length !== 2 || !value.every(isChannel) || Number(value[0]) % 4 !== 0) {
    const rule = 'two whole numbers up to 4096, the first (the number of mel bins too) a multiple of 4'
    throw new ConfigError('audio_config.subsampling_conv_channels', rule, value)
  }
  return [Number(value[0]), Number(value[1])]
}

/** The tower that a config describes. */
export function visionTowerShape(config: VisionTowerConfig): VisionTowerShape {
  return {
    hiddenSize: config.hidden_size,
    intermediateSize: config.intermediate_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads,
    headDim: config.head_dim,
    patchSize: config.patch_size,
    pooling: config.pooling_kernel_size,
    positions: config.position_embedding_size,
    theta: config.rope_parameters.rope_theta,
    eps: config.rms_norm_eps,
    clipped: config.use_clipped_linears,
    standardize: config.standardize,
  }
}

/** The tower that a config describes. */
export function audioTowerShape(config: AudioTowerConfig): AudioTowerShape {
  return {
    hiddenSize: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    channels: config.subsampling_conv_channels,
    convKernel: config.conv_kernel_size,
    residualWeight: config.residual_weight,
    window: config.attention_context_left,
    logitCap: config.attention_logit_cap,
    limit: config.gradient_clipping,
    clipped: config.use_clipped_linears,
    eps: config.rms_norm_eps,
    outputSize: config.output_proj_dims,
  }
}

/** Weights of both towers' matrices, near enough to hold against a file. */
export function towerParameters(vision: VisionTowerConfig | null, audio: AudioTowerConfig | null): number {
  let count = 0
  if (vision) {
    const { hidden_size: D, num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: C } = vision
    const layer = 2 * D * C * (heads + kvHeads) + 3 * D * vision.intermediate_size
    count += vision.num_hidden_layers * layer + D * (2 * vision.position_embedding_size + 3 * vision.patch_size ** 2)
  }
  if (audio) {
    const D = audio.hidden_size
    const [C0, C1] = audio.subsampling_conv_channels
    const layer = D * D * (16 + 5 + 3) + D * audio.conv_kernel_size
    count += audio.num_hidden_layers * layer + 9 * C0 * (C1 + 1) + D * ((C0 / 4) * C1 + audio.output_proj_dims)
  }
  return count
}
