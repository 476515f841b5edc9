// The config of a model with embedders: text_config, vision_config and audio_config in one config.json.
//
//   gemma4_unified   Gemma 4 12B: raw patches and raw samples, a dense trunk (transformers configuration_gemma4_unified.py)
//   pollux           ours: the same embedders before a trunk with experts; sound as log-mel rows if it says so, and codes of a
//                    media tokenizer for what it draws and speaks
//
// As in config.ts, the object is kept as it is written and nothing is believed before it is checked.
import { isRecord } from '../util/index.ts'
import { ConfigError, type ModelConfig, parseConfig } from './config.ts'

export interface VisionConfig {
  /** Pixels of a patch's side, and patches a side that one soft token holds. */
  patch_size: number
  pooling_kernel_size: number
  /** Width between the two maps of the embedder. */
  mm_embed_dim: number
  /** Places an axis of the position table; a picture has at most this many soft tokens a side. */
  mm_posemb_size: number
  /** Soft tokens a picture, and a video frame, is brought to. Gemma 4: 280 and 70. */
  image_seq_length: number
  frame_seq_length: number
}

export interface AudioConfig {
  /** Numbers a 40 ms row: 640 samples, or 4 hops of num_mel_bins. */
  audio_embed_dim: number
  features: 'waveform' | 'log_mel'
  num_mel_bins: number
}

export interface MultimodalConfig {
  model_type: 'pollux' | 'gemma4_unified'
  architectures: string[]
  text_config: ModelConfig
  vision_config: VisionConfig | null
  audio_config: AudioConfig | null
  image_token_id: number
  video_token_id: number
  audio_token_id: number
  boi_token_id: number
  eoi_token_id: number
  boa_token_id: number
  eoa_token_index: number
}

/** Architectures by model type. */
export const multimodalArchitectures = {
  pollux: 'PolluxForConditionalGeneration',
  gemma4_unified: 'Gemma4UnifiedForConditionalGeneration',
} as const

/** Token ids of Gemma 4, for what a config leaves out. */
const gemmaTokens = {
  image_token_id: 258_880,
  video_token_id: 258_884,
  audio_token_id: 258_881,
  boi_token_id: 255_999,
  eoi_token_id: 258_882,
  boa_token_id: 256_000,
  eoa_token_index: 258_883,
}

/** Numbers of one patch as it enters the embedder. */
export function patchDim({ patch_size, pooling_kernel_size }: VisionConfig): number {
  return (patch_size * pooling_kernel_size) ** 2 * 3
}

/** Whether a config.json is of a model with embedders. */
export function isMultimodalConfig(source: unknown): boolean {
  return isRecord(source) && isRecord(source.text_config)
}

/** @throws ConfigError naming the field that is missing, of the wrong kind, or not supported */
export function parseMultimodalConfig(source: unknown): MultimodalConfig {
  if (!isRecord(source)) throw new ConfigError('config', 'a JSON object', source)
  const type = source.model_type
  if (type !== 'pollux' && type !== 'gemma4_unified') {
    throw new ConfigError('model_type', `one of ${Object.keys(multimodalArchitectures).join(', ')}`, type)
  }
  if (!isRecord(source.text_config)) throw new ConfigError('text_config', 'an object', source.text_config)
  const text = parseConfig(withoutOwnType(source.text_config, type))
  const ids = Object.entries(gemmaTokens).map(([field, fallback]) => {
    const id = source[field] ?? fallback
    if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0 || id >= text.vocab_size) {
      throw new ConfigError(field, `a token id below vocab_size (${text.vocab_size})`, id)
    }
    return [field, id]
  })
  return {
    model_type: type,
    architectures: [multimodalArchitectures[type]],
    text_config: text,
    vision_config: visionConfig(source.vision_config),
    audio_config: audioConfig(source.audio_config),
    ...(Object.fromEntries(ids) as typeof gemmaTokens),
  }
}

/** Our own text part carries Gemma 4's type; that of gemma4_unified has the fields of the dense Gemma 4. */
function withoutOwnType(text: Record<string, unknown>, type: MultimodalConfig['model_type']): Record<string, unknown> {
  if (type === 'pollux') return text
  const { architectures: _architectures, ...rest } = text
  return { enable_moe_block: false, ...rest }
}

function visionConfig(value: unknown): VisionConfig | null {
  if (value === undefined || value === null) return null
  if (!isRecord(value)) throw new ConfigError('vision_config', 'an object', value)
  const size = sizes('vision_config', value)
  const config = {
    patch_size: size('patch_size', 16, 256),
    pooling_kernel_size: size('pooling_kernel_size', 3, 16),
    mm_embed_dim: size('mm_embed_dim', 3840, 2 ** 16),
    mm_posemb_size: size('mm_posemb_size', 1120, 2 ** 16),
    image_seq_length: size('image_seq_length', 280, 2 ** 16),
    frame_seq_length: size('frame_seq_length', 70, 2 ** 16),
  }
  if (patchDim(config) > 2 ** 20) throw new ConfigError('vision_config.patch_size', 'smaller', config.patch_size)
  return config
}

function audioConfig(value: unknown): AudioConfig | null {
  if (value === undefined || value === null) return null
  if (!isRecord(value)) throw new ConfigError('audio_config', 'an object', value)
  const size = sizes('audio_config', value)
  const features = value.features ?? 'waveform'
  if (features !== 'waveform' && features !== 'log_mel') {
    throw new ConfigError('audio_config.features', '"waveform" or "log_mel"', features)
  }
  const mels = size('num_mel_bins', 128, 512)
  const width = size('audio_embed_dim', features === 'waveform' ? 640 : 4 * mels, 2 ** 16)
  const wanted = features === 'waveform' ? 640 : 4 * mels
  if (width !== wanted) throw new ConfigError('audio_config.audio_embed_dim', `${wanted} for ${features}`, width)
  return { audio_embed_dim: width, features, num_mel_bins: mels }
}

function sizes(part: string, given: Record<string, unknown>) {
  return (field: string, fallback: number, most: number): number => {
    const value = given[field] ?? fallback
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > most) {
      throw new ConfigError(`${part}.${field}`, `a whole number from 1 to ${most}`, value)
    }
    return value
  }
}
