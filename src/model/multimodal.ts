// The trunk with its embedders: text, pictures and sound in one sequence.
//
// Placeholder rows of a batch get their embedding from raw patches and frames (Gemma 4 unified: norms and one linear map
// each, no encoder); all else is the Decoder's. Video is pictures and sound in turn, so it needs nothing of its own.
// Shapes: R rows of the batch, N rows of media, P features of a patch, F of a frame of sound, D width.
import type { Weight } from '../nn/index.ts'
import { initialise } from '../nn/index.ts'
import { type Dtype, fromArray, type Tensor } from '../tensor/index.ts'
import { PolluxError, type Rng } from '../util/index.ts'
import type { ModelConfig } from './config.ts'
import { Decoder, type DecoderInput, type ForwardOptions, type HiddenResult, type LossResult } from './decoder.ts'
import { AudioEmbedder } from './embedders/audio.ts'
import { VisionEmbedder } from './embedders/vision.ts'
import { type MultimodalConfig, patchDim } from './multimodalConfig.ts'

/** Rows of a batch whose embedding comes from media: rows [N] increasing, features [N, F]. */
export interface MediaRowsInput {
  rows: Int32Array
  features: Float32Array
}

export interface MultimodalInput extends DecoderInput {
  /** Patches, with [N, 2] x, y of each. */
  pictures?: MediaRowsInput & { positions: Int32Array }
  sounds?: MediaRowsInput
}

export class MultimodalModel {
  readonly config: MultimodalConfig
  readonly text: Decoder
  readonly vision: VisionEmbedder | null
  readonly audio: AudioEmbedder | null

  /** Weights are zero; call `initialise`, or load a checkpoint. */
  constructor(config: MultimodalConfig) {
    const { text_config: text, vision_config: vision, audio_config: audio } = config
    this.config = config
    this.text = new Decoder(text)
    this.vision = vision
      ? new VisionEmbedder('model.embed_vision', {
          patchDim: patchDim(vision),
          embedDim: vision.mm_embed_dim,
          positions: vision.mm_posemb_size,
          hiddenSize: text.hidden_size,
          eps: text.rms_norm_eps,
        })
      : null
    this.audio = audio
      ? new AudioEmbedder('model.embed_audio', {
          frameDim: audio.audio_embed_dim,
          hiddenSize: text.hidden_size,
          eps: text.rms_norm_eps,
        })
      : null
  }

  get textConfig(): ModelConfig {
    return this.config.text_config
  }

  get weights(): Weight[] {
    return [...this.text.weights, ...(this.vision?.weights ?? []), ...(this.audio?.weights ?? [])]
  }

  initialise(rng: Rng): this {
    initialise(this.weights, rng, { std: this.config.text_config.initializer_range })
    return this
  }

  zeroGrad(): void {
    for (const { parameter } of this.weights) parameter.zeroGrad()
  }

  forward(input: MultimodalInput, options: ForwardOptions = {}): HiddenResult {
    return this.text.forward(this.#embed(input, options), options)
  }

  loss(input: MultimodalInput, targets: Int32Array, options: ForwardOptions = {}): LossResult {
    return this.text.loss(this.#embed(input, options), targets, options)
  }

  logits(hidden_ND: Tensor): Float32Array {
    return this.text.logits(hidden_ND)
  }

  #embed(input: MultimodalInput, { compute = 'bf16', residual = 'f32' }: ForwardOptions): DecoderInput {
    const { pictures, sounds, ...rest } = input
    const { image_token_id, video_token_id, audio_token_id } = this.config
    checkPlaceholders(input, 'pictures', [image_token_id, video_token_id])
    checkPlaceholders(input, 'sounds', [audio_token_id])
    const soft = [...(rest.soft ?? [])]
    if (pictures) {
      const embedder = need(this.vision, 'pictures', 'vision_config')
      const patches_NP = features(pictures, compute)
      soft.push({
        rows: pictures.rows,
        values: embedder.forward(patches_NP, pictures.positions, { outDtype: residual, compute }),
      })
    }
    if (sounds) {
      const embedder = need(this.audio, 'sounds', 'audio_config')
      soft.push({
        rows: sounds.rows,
        values: embedder.forward(features(sounds, compute), { outDtype: residual, compute }),
      })
    }
    return { ...rest, soft }
  }
}

/** A model that trains and generates: the trunk alone, or with its embedders. */
export type Model = Decoder | MultimodalModel

/** The model of a config, weights zero. */
export function newModel(config: ModelConfig | MultimodalConfig): Model {
  return 'text_config' in config ? new MultimodalModel(config) : new Decoder(config)
}

function features({ rows, features }: MediaRowsInput, _compute: Dtype): Tensor {
  return fromArray(features, [rows.length, features.length / Math.max(1, rows.length)])
}

function need<T>(embedder: T | null, media: string, field: string): T {
  if (embedder) return embedder
  throw new PolluxError(`model: ${media} need ${field} in the config, got none`)
}

/** The rows with a placeholder id are the rows with features, one for one. */
function checkPlaceholders(input: MultimodalInput, kind: 'pictures' | 'sounds', ids: (number | null)[]): void {
  const rows = input[kind]?.rows ?? new Int32Array(0)
  let count = 0
  for (const [row, id] of input.ids.entries()) {
    if (!ids.includes(id)) continue
    if (rows[count] !== row) {
      throw new PolluxError(
        `model: placeholders and features of ${kind} must be at the same rows, got a placeholder at row ${row}, features at ${rows[count] ?? 'no more rows'}`,
      )
    }
    count++
  }
  if (count !== rows.length) {
    throw new PolluxError(`model: ${kind} must have as many features as placeholders (${count}), got ${rows.length}`)
  }
}
