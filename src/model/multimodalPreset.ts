// What the presets read and write beside text: small pictures and short sounds, so that minutes teach them.
//
// | what           | nano                             | Gemma 4 12B
// | width          | 2/3 of the text preset's: 256    | 3840
// | heads          | 8 of 32, each with its own keys    | 16 of 256, 8 key heads
// | patch          | 12 pixels, one soft token each   | 16 pixels, 3 x 3 a soft token
// | picture, frame | 9 and 4 soft tokens              | 280 and 70
// | sound          | 25 rows a second, 4 x 64 log-mel | 25 rows a second, 640 samples
import { type ModelConfig, parseConfig } from './config.ts'
import { type Preset } from './presets.ts'
import { withRouting } from './routingSpec.ts'
import { type MultimodalConfig, parseMultimodalConfig } from './multimodalConfig.ts'

/** What a config takes from its tokenizer. */
interface MediaVocabulary {
  vocabSize: number
  bosId?: number | null
  eosId?: number | null
  padId?: number | null
  specialTokens: ReadonlyMap<string, number>
}

/** Many narrow heads with keys of their own: one key head of 64 has little room to look for colours, shapes and places at once. */
const headDim = 32
/** Below this width nothing is left to save. */
const leastWidth = 192

/**
 * The trunk at two thirds of its width, by the rules of presets.ts: a world of few words is learnt by steps rather than by
 * weights, and a narrower trunk takes more than twice as many in the same time (docs/LOG.md, 2026-11-25).
 */
function narrower(config: ModelConfig): ModelConfig {
  const hidden = 64 * Math.round((config.hidden_size * 2) / 3 / 64)
  if (config.hidden_size < leastWidth) return config
  const heads = hidden / headDim
  return {
    ...config,
    hidden_size: hidden,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    num_global_key_value_heads: heads,
    head_dim: headDim,
    global_head_dim: headDim,
    intermediate_size: 64 * Math.round((4 * hidden) / 3 / 64),
    moe_intermediate_size: hidden / 2,
  }
}

/** The preset's trunk with embedders, fitted to a tokenizer that has the tokens of media. */
export function multimodalPreset(
  { config }: Pick<Preset, 'config'>,
  tokenizer: MediaVocabulary,
  {
    context,
    patch = 12,
    imageTokens = 9,
    routing = '',
  }: { context: number; patch?: number; imageTokens?: number; routing?: string },
): MultimodalConfig {
  const id = (name: string): number | undefined => tokenizer.specialTokens.get(name)
  const fitted = parseConfig({
    ...narrower(config),
    vocab_size: tokenizer.vocabSize,
    max_position_embeddings: context,
    bos_token_id: tokenizer.bosId,
    eos_token_id: tokenizer.eosId,
    pad_token_id: tokenizer.padId,
  })
  const text_config = withRouting(fitted, routing)
  return parseMultimodalConfig({
    model_type: 'pollux',
    text_config,
    vision_config: {
      patch_size: patch,
      pooling_kernel_size: 1,
      mm_embed_dim: text_config.hidden_size,
      mm_posemb_size: Math.max(64, imageTokens),
      image_seq_length: imageTokens,
      frame_seq_length: 4,
    },
    audio_config: { features: 'log_mel', num_mel_bins: 64 },
    image_token_id: id('<|image|>'),
    video_token_id: id('<|video|>'),
    audio_token_id: id('<|audio|>'),
    boi_token_id: id('<|image>'),
    eoi_token_id: id('<image|>'),
    boa_token_id: id('<|audio>'),
    eoa_token_index: id('<audio|>'),
  })
}
