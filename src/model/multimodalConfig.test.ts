// Configs of models that see and hear: what is filled in, what is refused, and what is written reads back the same.
import { describe, expect, test } from 'vitest'
import { configText } from './configFile.ts'
import { MultimodalModel } from './multimodal.ts'
import {
  isMultimodalConfig,
  mediaParameters,
  type MultimodalConfig,
  multimodalConfigFile,
  parseMultimodalConfig,
  patchDim,
} from './multimodalConfig.ts'
import { visionTowerShape } from './towerConfig.ts'

const text_config = {
  ...{ vocab_size: 64, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 8 },
  ...{ sliding_window: 8, max_position_embeddings: 64, head_dim: 8, global_head_dim: 8, num_key_value_heads: 1 },
  ...{ hidden_size_per_layer_input: 0 },
}
const ids = {
  ...{ image_token_id: 1, video_token_id: 2, audio_token_id: 3, boi_token_id: 4, eoi_token_id: 5 },
  ...{ boa_token_id: 6, eoa_token_index: 7 },
}
const vision = {
  ...{ hidden_size: 12, intermediate_size: 20, num_hidden_layers: 2, num_attention_heads: 2, num_key_value_heads: 2 },
  ...{ head_dim: 8, patch_size: 2, pooling_kernel_size: 2, position_embedding_size: 8 },
}
const audio = {
  ...{ hidden_size: 12, num_hidden_layers: 2, num_attention_heads: 2, subsampling_conv_channels: [8, 4] },
  ...{ output_proj_dims: 10, attention_chunk_size: 4, attention_context_left: 5 },
}
const gemma4 = { model_type: 'gemma4', text_config, vision_config: vision, audio_config: audio, ...ids }
const unified = {
  ...{ model_type: 'gemma4_unified', text_config, ...ids },
  vision_config: { patch_size: 2, pooling_kernel_size: 2, mm_embed_dim: 12, mm_posemb_size: 8 },
  audio_config: {},
}
const pollux = {
  ...{ ...unified, model_type: 'pollux', audio_config: { features: 'log_mel', num_mel_bins: 16 } },
  text_config: { ...text_config, enable_moe_block: true, num_experts: 4, top_k_experts: 2, moe_intermediate_size: 8 },
}

const kinds = [gemma4, unified, pollux].map((each) => [each.model_type, each] as const)

test.each(kinds)('a config of type %s that is written reads back the same', (type, source) => {
  const config = parseMultimodalConfig(source)
  expect(config.model_type).toBe(type)
  expect(isMultimodalConfig(source)).toBe(true)
  expect(parseMultimodalConfig(JSON.parse(configText(multimodalConfigFile(config, 'bf16'))))).toEqual(config)
})

test.each(kinds)('the weights of the front ends of %s are counted within a tenth', (_, source) => {
  const config = parseMultimodalConfig(source)
  const { vision, audio, frozen } = new MultimodalModel(config)
  const weights = [...vision!.weights, ...audio!.weights, ...frozen]
  // norms, bounds and biases are left out of the count
  const held = weights.reduce((sum, { parameter }) => sum + (parameter.shape.length > 1 ? parameter.size : 0), 0)
  expect(Math.abs(mediaParameters(config) / held - 1)).toBeLessThan(0.1)
})

describe('what is left out', () => {
  // vocabulary that holds the ids of Gemma's media tokens
  const large = { ...text_config, vocab_size: 262_144 }

  test('is that of the E models where there are towers', () => {
    const config = parseMultimodalConfig({
      model_type: 'gemma4',
      text_config: large,
      vision_config: {},
      audio_config: {},
    })
    expect(config).toMatchObject({
      ...{ image_token_id: 258_880, audio_token_id: 258_881, video_token_id: 258_884, eoa_token_index: 258_883 },
      architectures: ['Gemma4ForConditionalGeneration'],
      vision_config: { hidden_size: 768, head_dim: 64, rope_parameters: { rope_type: 'axial', rope_theta: 100 } },
      audio_config: { hidden_size: 1024, attention_context_left: 13, attention_chunk_size: 12, output_proj_dims: 1536 },
    })
    expect(patchDim(config)).toBe(16 * 16 * 3)
    // the model card: about 150M and 300M parameters
    const seeing = mediaParameters({ ...config, audio_config: null } as MultimodalConfig)
    const hearing = mediaParameters({ ...config, vision_config: null } as MultimodalConfig)
    expect(seeing).toBeGreaterThan(1.5e8)
    expect(seeing).toBeLessThan(1.8e8)
    expect(hearing).toBeGreaterThan(2.9e8)
    expect(hearing).toBeLessThan(3.2e8)
  })

  test('is that of the 12B without them', () => {
    const config = parseMultimodalConfig({
      model_type: 'gemma4_unified',
      text_config: large,
      vision_config: {},
      audio_config: {},
    })
    expect(config).toMatchObject({
      vision_config: { mm_embed_dim: 3840, mm_posemb_size: 1120, image_seq_length: 280, frame_seq_length: 70 },
      audio_config: { audio_embed_dim: 640, features: 'waveform' },
    })
    expect(patchDim(config)).toBe(48 * 48 * 3)
    expect(parseMultimodalConfig({ ...unified, vision_config: null, audio_config: undefined })).toMatchObject({
      ...{ vision_config: null, audio_config: null },
    })
  })

  test('an older file may call the only kind of rotation "default"', () => {
    const rope_parameters = { rope_type: 'default', rope_theta: 50 }
    const { vision_config } = parseMultimodalConfig({ ...gemma4, vision_config: { ...vision, rope_parameters } })
    expect(visionTowerShape(vision_config as never).theta).toBe(50)
  })
})

describe('refused, by field, requirement and value', () => {
  const withVision = (change: object) => ({ ...gemma4, vision_config: { ...vision, ...change } })
  const withAudio = (change: object) => ({ ...gemma4, audio_config: { ...audio, ...change } })

  test.each([
    [null, 'config: config must be a JSON object, got null'],
    [{ ...gemma4, model_type: 'llava' }, 'model_type must be one of pollux, gemma4, gemma4_unified, got "llava"'],
    [{ ...gemma4, text_config: 3 }, 'text_config must be an object, got 3'],
    [{ ...gemma4, image_token_id: 64 }, 'image_token_id must be a token id below vocab_size (64), got 64'],
    [{ ...gemma4, vision_config: [] }, 'vision_config must be an object, got []'],
    [withVision({ head_dim: 6 }), 'vision_config.head_dim must be a multiple of 4'],
    [
      withVision({ num_key_value_heads: 3 }),
      'vision_config.num_key_value_heads must be a divisor of num_attention_heads (2)',
    ],
    [
      withVision({ position_embedding_size: 2 ** 40 }),
      'vision_config.position_embedding_size must be a whole number from 1 to',
    ],
    [withVision({ hidden_activation: 'relu' }), 'vision_config.hidden_activation must be "gelu_pytorch_tanh"'],
    [
      withVision({ rope_parameters: { rope_type: 'yarn' } }),
      'vision_config.rope_parameters.rope_type must be "axial", got "yarn"',
    ],
    [withVision({ rms_norm_eps: 0 }), 'vision_config.rms_norm_eps must be above 0, got 0'],
    [withAudio({ attention_context_right: 2 }), 'audio_config.attention_context_right must be 0'],
    [
      withAudio({ attention_context_left: 9 }),
      'audio_config.attention_context_left must be attention_chunk_size + 1 (5), got 9',
    ],
    [
      withAudio({ subsampling_conv_channels: [6, 4] }),
      'audio_config.subsampling_conv_channels must be two whole numbers',
    ],
    [withAudio({ hidden_size: 13 }), 'audio_config.hidden_size must be even, and a multiple of the 2 heads, got 13'],
    [withAudio({ use_clipped_linears: 'no' }), 'audio_config.use_clipped_linears must be true or false, got "no"'],
    [
      { ...unified, vision_config: { mm_embed_dim: 12, output_proj_dims: 8 } },
      'output_proj_dims must be mm_embed_dim (12), got 8',
    ],
    [{ ...unified, vision_config: { patch_size: 200 } }, 'vision_config.patch_size must be at most 170'],
    [
      { ...pollux, audio_config: { features: 'mfcc' } },
      'audio_config.features must be "waveform" or "log_mel", got "mfcc"',
    ],
    [
      { ...pollux, audio_config: { audio_embed_dim: 100 } },
      'audio_config.audio_embed_dim must be 640 for waveform, got 100',
    ],
  ])('%#: %j', (source, message) => {
    expect(() => parseMultimodalConfig(source)).toThrow(message)
  })
})
