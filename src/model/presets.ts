// One dial, `depth`, sets everything about a model and its training; the rules and their sources are here.
//
// | what               | rule                                   | source
// | hidden_size        | 64 * depth                             | nanochat: aspect ratio 64
// | head_dim           | 64                                     | nanochat uses 128 from depth 12 up; 64 keeps 6 heads at depth 6
// | heads, kv heads    | hidden / 64; a third of that           | Gemma 4: 2-4 query heads share a key head
// | layers             | depth, 5 sliding : 1 full, last full   | Gemma 4
// | experts, top-k     | 16, 2                                  | first choice, to be measured at this size
// | expert width       | hidden / 2                             | fine-grained experts (OLMoE 0.5, Gemma 4 0.25 of hidden)
// | dense MLP width    | 4/3 hidden, to a multiple of 64        | Gemma 4 26B: 0.75 hidden beside 8 experts; more beside 2
// | window             | 256                                    | half of the training length; Gemma 4: 1024
// | vocabulary         | 4096 up to depth 4, 8192 above         | small heads: the embedding must not outweigh the trunk
// | batch tokens       | 4096 * (depth / 6)^2, to whole rows    | batch ~ D^0.38 (nanochat), D ~ depth^3 at fixed tokens per weight
// | Muon lr            | 0.03                                   | Jordan et al. 2024: 0.02, independent of width; 0.03 measured on nano
// | AdamW lr           | 0.02 * (hidden / 384)^-0.5             | nanochat: embedding lr ~ 1 / sqrt(width); 0.02 measured on nano
import { PolluxError } from '../util/index.ts'
import { defaultLayerTypes, type ModelConfig, parseConfig } from './config.ts'

/** A model and how it is trained, as the dial gives them. */
export interface Preset {
  name: string
  depth: number
  /** Everything of the config; vocab_size is the size the tokenizer is asked to have. */
  config: ModelConfig
  /** Tokens of one training sequence. */
  time: number
  /** Sequences a micro-batch. */
  batch: number
  /** Micro-batches a step. */
  accumulation: number
  /** Learning rate of matrices under Muon. */
  matrixLearningRate: number
  /** Learning rate of everything under AdamW. */
  learningRate: number
}

/** Names of the presets, smallest first. */
export const presetNames = ['micro', 'nano'] as const
export type PresetName = (typeof presetNames)[number]

/** The preset of a name. `micro` is for tests: it trains in a second. */
export function preset(name: PresetName): Preset {
  return name === 'micro' ? microPreset() : presetForDepth(6, 'nano')
}

/** The preset of a depth (number of layers, at least 1). */
export function presetForDepth(depth: number, name = `depth${depth}`): Preset {
  if (!Number.isInteger(depth) || depth < 1 || depth > 64) {
    throw new PolluxError(`preset: depth must be a whole number from 1 to 64, got ${depth}`)
  }
  const hidden = 64 * depth
  const heads = depth
  const batch = Math.max(1, Math.round((8 * depth * depth) / 36))
  const config = parseConfig({
    vocab_size: depth <= 4 ? 4096 : 8192,
    hidden_size: hidden,
    num_hidden_layers: depth,
    layer_types: defaultLayerTypes(depth),
    sliding_window: 256,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads(heads),
    head_dim: 64,
    intermediate_size: 64 * Math.round((4 * hidden) / 3 / 64),
    num_experts: 16,
    top_k_experts: 2,
    moe_intermediate_size: hidden / 2,
    max_position_embeddings: 512,
  })
  return {
    name,
    depth,
    config,
    time: 512,
    batch,
    accumulation: 1,
    matrixLearningRate: 0.03,
    learningRate: 0.02 * (hidden / 384) ** -0.5,
  }
}

/** The largest divisor of heads that is at most a third of them. */
export function kvHeads(heads: number): number {
  for (let kv = Math.floor(heads / 3); kv > 1; kv--) if (heads % kv === 0) return kv
  return 1
}

function microPreset(): Preset {
  const config = parseConfig({
    vocab_size: 320,
    hidden_size: 32,
    num_hidden_layers: 2,
    layer_types: ['sliding_attention', 'full_attention'],
    sliding_window: 8,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 16,
    intermediate_size: 32,
    num_experts: 4,
    top_k_experts: 2,
    moe_intermediate_size: 16,
    max_position_embeddings: 32,
  })
  return {
    name: 'micro',
    depth: 2,
    config,
    time: 32,
    batch: 4,
    accumulation: 1,
    matrixLearningRate: 0.02,
    learningRate: 0.01,
  }
}
