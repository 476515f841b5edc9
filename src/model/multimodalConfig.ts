// The config of a model that sees and hears: text_config, vision_config and audio_config in one config.json.
//
// | model_type     | front ends                                                  | trunk
// | gemma4         | towers (towerConfig.ts): E2B, E4B, 26B-A4B, 31B             | Gemma 4
// | gemma4_unified | raw patches and raw samples, no towers: 12B                 | dense Gemma 4
// | pollux         | ours: the same, sound as log-mel rows if it says so         | Gemma 4 with experts
//
// Field names are transformers' (configuration_gemma4.py, configuration_gemma4_unified.py); image_seq_length,
// frame_seq_length, features and num_mel_bins are ours. As in config.ts, nothing is believed before it is checked.
import { isRecord } from '../util/index.ts'
import { type ModelConfig, parseConfig } from './config.ts'
import { ConfigError } from './configFields.ts'
import { configFile, type StoredAs } from './configFile.ts'
import { partFields } from './mediaFields.ts'
import {
  type AudioTowerConfig,
  audioTowerConfig,
  towerParameters,
  type VisionTowerConfig,
  visionTowerConfig,
} from './towerConfig.ts'

/** Raw patches as rows of the trunk. */
export interface VisionConfig {
  /** Pixels of a patch's side, and patches a side that one soft token holds. */
  patch_size: number
  pooling_kernel_size: number
  /** Width between the two maps of the embedder. */
  mm_embed_dim: number
  /** Places an axis of the position table; a picture has at most this many soft tokens a side. */
  mm_posemb_size: number
  rms_norm_eps: number
  /** Soft tokens a picture, and a video frame, is brought to. Gemma 4: 280 and 70. */
  image_seq_length: number
  frame_seq_length: number
}

/** Raw frames of sound as rows of the trunk. */
export interface AudioConfig {
  /** Numbers a 40 ms row: 640 samples, or 4 hops of num_mel_bins. */
  audio_embed_dim: number
  rms_norm_eps: number
  features: 'waveform' | 'log_mel'
  num_mel_bins: number
}

/** Ids of the tokens that stand for media, and around them. */
export interface MediaTokens {
  image_token_id: number
  video_token_id: number
  audio_token_id: number
  boi_token_id: number
  eoi_token_id: number
  boa_token_id: number
  eoa_token_index: number
}

/** A model without towers. */
export interface EmbedderConfig extends MediaTokens {
  model_type: 'pollux' | 'gemma4_unified'
  architectures: string[]
  text_config: ModelConfig
  vision_config: VisionConfig | null
  audio_config: AudioConfig | null
}

/** A model with towers. */
export interface TowerConfig extends MediaTokens {
  model_type: 'gemma4'
  architectures: string[]
  text_config: ModelConfig
  vision_config: VisionTowerConfig | null
  audio_config: AudioTowerConfig | null
}

export type MultimodalConfig = EmbedderConfig | TowerConfig

/** Architectures by model type. */
export const multimodalArchitectures = {
  pollux: 'PolluxForConditionalGeneration',
  gemma4: 'Gemma4ForConditionalGeneration',
  gemma4_unified: 'Gemma4UnifiedForConditionalGeneration',
} as const

/** Token ids of Gemma 4, for what a config leaves out. */
const gemmaTokens: MediaTokens = {
  image_token_id: 258_880,
  video_token_id: 258_884,
  audio_token_id: 258_881,
  boi_token_id: 255_999,
  eoi_token_id: 258_882,
  boa_token_id: 256_000,
  eoa_token_index: 258_883,
}

/** Numbers of one patch as it enters the model: of a tower a patch, without one all patches of a soft token. */
export function patchDim({ vision_config: vision }: MultimodalConfig): number {
  if (!vision) return 0
  const side = 'mm_embed_dim' in vision ? vision.patch_size * vision.pooling_kernel_size : vision.patch_size
  return side ** 2 * 3
}

/** Weights of the matrices of all front ends, near enough to hold against a file. */
export function mediaParameters(config: MultimodalConfig): number {
  const D = config.text_config.hidden_size
  if (config.model_type === 'gemma4') {
    const { vision_config: vision, audio_config: audio } = config
    const widths = (vision?.hidden_size ?? 0) + (audio?.output_proj_dims ?? 0)
    return towerParameters(vision, audio) + D * widths
  }
  const { vision_config: vision, audio_config: audio } = config
  const seeing = vision ? vision.mm_embed_dim * (patchDim(config) + 2 * vision.mm_posemb_size + D) : 0
  return seeing + D * (audio?.audio_embed_dim ?? 0)
}

/** Whether a config.json is of a model that sees or hears, of a kind that is known here. */
export function isMultimodalConfig(source: unknown): boolean {
  return isRecord(source) && isRecord(source.text_config) && source.model_type !== 'gemma3'
}

/** @throws ConfigError naming the field that is missing, of the wrong kind, or not supported */
export function parseMultimodalConfig(source: unknown): MultimodalConfig {
  if (!isRecord(source)) throw new ConfigError('config', 'a JSON object', source)
  const type = source.model_type
  if (type !== 'pollux' && type !== 'gemma4' && type !== 'gemma4_unified') {
    throw new ConfigError('model_type', `one of ${Object.keys(multimodalArchitectures).join(', ')}`, type)
  }
  if (!isRecord(source.text_config)) throw new ConfigError('text_config', 'an object', source.text_config)
  const text_config = parseConfig(source)
  const architectures = [multimodalArchitectures[type]]
  const common = { architectures, text_config, ...mediaTokens(source, text_config) }
  const { vision_config: vision, audio_config: audio } = source
  return type === 'gemma4'
    ? { ...common, model_type: type, vision_config: visionTowerConfig(vision), audio_config: audioTowerConfig(audio) }
    : { ...common, model_type: type, vision_config: visionConfig(vision), audio_config: audioConfig(audio) }
}

/** The object of config.json, in the words of transformers where it has them. */
export function multimodalConfigFile(config: MultimodalConfig, dtype: StoredAs): Record<string, unknown> {
  const { text_config: text, vision_config: vision, audio_config: audio, ...rest } = config
  const { architectures: _architectures, tie_word_embeddings, ...textFile } = configFile(text, dtype)
  const named = (part: object | null, kind: string): object | null =>
    part && rest.model_type === 'gemma4_unified' ? { model_type: `gemma4_unified_${kind}`, ...part } : part
  // transformers has no field for the width of the second map but what it makes of this one
  const projected = vision && 'mm_embed_dim' in vision ? { ...vision, output_proj_dims: vision.mm_embed_dim } : vision
  return {
    ...rest,
    dtype: textFile.dtype,
    text_config: { ...textFile, tie_word_embeddings },
    vision_config: named(projected, 'vision'),
    audio_config: named(audio, 'audio'),
    tie_word_embeddings,
    initializer_range: text.initializer_range,
  }
}

function mediaTokens(source: Record<string, unknown>, { vocab_size }: ModelConfig): MediaTokens {
  const ids = Object.entries(gemmaTokens).map(([field, fallback]: [string, number]) => {
    const id = source[field] ?? fallback
    if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0 || id >= vocab_size) {
      throw new ConfigError(field, `a token id below vocab_size (${vocab_size})`, id)
    }
    return [field, id]
  })
  return Object.fromEntries(ids) as MediaTokens
}

function visionConfig(value: unknown): VisionConfig | null {
  if (value === undefined || value === null) return null
  if (!isRecord(value)) throw new ConfigError('vision_config', 'an object', value)
  const { size, positive, refuse } = partFields('vision_config', value)
  const config = {
    patch_size: size('patch_size', 16, 256),
    pooling_kernel_size: size('pooling_kernel_size', 3, 16),
    mm_embed_dim: size('mm_embed_dim', 3840, 2 ** 16),
    mm_posemb_size: size('mm_posemb_size', 1120, 2 ** 16),
    rms_norm_eps: positive('rms_norm_eps', 1e-6),
    image_seq_length: size('image_seq_length', 280, 2 ** 16),
    frame_seq_length: size('frame_seq_length', 70, 2 ** 16),
  }
  if (config.patch_size * config.pooling_kernel_size > 512) {
    refuse('patch_size', `at most ${Math.floor(512 / config.pooling_kernel_size)} with this pooling_kernel_size`)
  }
  if ((value.output_proj_dims ?? config.mm_embed_dim) !== config.mm_embed_dim) {
    refuse('output_proj_dims', `mm_embed_dim (${config.mm_embed_dim})`)
  }
  return config
}

function audioConfig(value: unknown): AudioConfig | null {
  if (value === undefined || value === null) return null
  if (!isRecord(value)) throw new ConfigError('audio_config', 'an object', value)
  const { size, positive, refuse } = partFields('audio_config', value)
  const features = value.features ?? 'waveform'
  if (features !== 'waveform' && features !== 'log_mel') return refuse('features', '"waveform" or "log_mel"')
  const mels = size('num_mel_bins', 128, 512)
  const wanted = features === 'waveform' ? 640 : 4 * mels
  const width = size('audio_embed_dim', wanted, 2 ** 16)
  if (width !== wanted) refuse('audio_embed_dim', `${wanted} for ${features}`)
  return { audio_embed_dim: width, rms_norm_eps: positive('rms_norm_eps', 1e-6), features, num_mel_bins: mels }
}
