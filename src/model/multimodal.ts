// The trunk with its front ends: text, pictures and sound in one sequence.
//
// Placeholder rows of a batch get their embedding from media: from raw patches and frames (Gemma 4 unified and ours: norms
// and one linear map each), or through towers (Gemma 4: frozen, and in f32). All else is the Decoder's. Video is pictures
// and sound in turn, so it needs nothing of its own.
// Shapes: R rows of the batch, S rows of media, N patches, P features of a patch, F of a frame of sound, D width.
import { initialise, type Router, type Weight } from '../nn/index.ts'
import { fromArray, type Tensor } from '../tensor/index.ts'
import { PolluxError, type Rng } from '../util/index.ts'
import type { ModelConfig } from './config.ts'
import { Decoder, type ForwardOptions, type HiddenResult, type LossResult } from './decoder.ts'
import type { DecoderInput } from './decoderInput.ts'
import { AudioEmbedder } from './embedders/audio.ts'
import type { EmbedOptions } from './embedders/projector.ts'
import { AudioTowerEmbedder, VisionTowerEmbedder } from './embedders/towers.ts'
import { VisionEmbedder } from './embedders/vision.ts'
import { type MultimodalConfig, patchDim } from './multimodalConfig.ts'
import { audioTowerShape, visionTowerShape } from './towerConfig.ts'

/** Rows of a batch whose embedding comes from media: rows [S] increasing, and their features, back to back. */
export interface MediaRowsInput {
  rows: Int32Array
  features: Float32Array
}

export interface MultimodalInput extends DecoderInput {
  /**
   * Patches [N, P] with [N, 2] x, y of each. Without a tower N is S; with one a picture has pooling^2 patches a row, is
   * given whole and row by row, and begins at 0, 0.
   */
  pictures?: MediaRowsInput & { positions: Int32Array }
  /**
   * Frames of 40 ms [S, F]. With a tower: log-mel spectra [T, mel bins], a frame every 10 ms, and `frames`, how many of
   * them each sound has.
   */
  sounds?: MediaRowsInput & { frames?: Int32Array }
}

const names = {
  vision: { tower: 'model.vision_tower', projector: 'model.embed_vision' },
  audio: { tower: 'model.audio_tower', projector: 'model.embed_audio' },
}

export class MultimodalModel {
  readonly config: MultimodalConfig
  readonly text: Decoder
  readonly vision: VisionEmbedder | VisionTowerEmbedder | null
  readonly audio: AudioEmbedder | AudioTowerEmbedder | null

  /** Weights are zero; call `initialise`, or load a checkpoint. */
  constructor(config: MultimodalConfig) {
    this.config = config
    this.text = new Decoder(config.text_config)
    this.vision = newVision(config)
    this.audio = newAudio(config)
  }

  get textConfig(): ModelConfig {
    return this.config.text_config
  }

  /** Every weight that learns, in a fixed order. */
  get weights(): Weight[] {
    return [...this.text.weights, ...(this.vision?.weights ?? []), ...(this.audio?.weights ?? [])]
  }

  get routers(): Router[] {
    return this.text.routers
  }

  /** Weights of towers: they want no gradient and no optimiser. */
  get frozen(): Weight[] {
    return [this.vision, this.audio].flatMap((part) => (part && 'frozen' in part ? part.frozen : []))
  }

  /** Draws all weights, those of towers too (which are of use only when they come from a checkpoint). */
  initialise(rng: Rng): this {
    initialise([...this.weights, ...this.frozen], rng, { std: this.config.text_config.initializer_range })
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
    const options = { outDtype: residual, compute }
    const soft = [...(rest.soft ?? [])]
    if (pictures) soft.push({ rows: pictures.rows, values: this.embedPictures(pictures, options) })
    if (sounds) soft.push({ rows: sounds.rows, values: this.embedSounds(sounds, options) })
    return { ...rest, soft }
  }

  /** Soft tokens of pictures, [S, D]. @throws PolluxError unless there is one a row */
  embedPictures(
    { rows, features, positions }: NonNullable<MultimodalInput['pictures']>,
    options?: EmbedOptions,
  ): Tensor {
    const embedder = need(this.vision, 'pictures', 'vision_config')
    const width = patchDim(this.config)
    const patches_NP = fromArray(features, [checkedRows('pictures', features.length, width), width])
    return oneEach('pictures', rows, embedder.forward(patches_NP, positions, options))
  }

  /** Soft tokens of sounds, [S, D]. @throws PolluxError unless there is one a row */
  embedSounds({ rows, features, frames }: NonNullable<MultimodalInput['sounds']>, options?: EmbedOptions): Tensor {
    const embedder = need(this.audio, 'sounds', 'audio_config')
    if (embedder instanceof AudioTowerEmbedder) {
      if (!frames) throw new PolluxError('model: sounds must have `frames`, how many each has, for the audio tower')
      return oneEach('sounds', rows, embedder.forward(features, frames, options))
    }
    const width = embedder.shape.frameDim
    const frames_SF = fromArray(features, [checkedRows('sounds', features.length, width), width])
    return oneEach('sounds', rows, embedder.forward(frames_SF, options))
  }
}

function newVision(config: MultimodalConfig): MultimodalModel['vision'] {
  const hiddenSize = config.text_config.hidden_size
  if (!config.vision_config) return null
  if (config.model_type === 'gemma4') {
    return new VisionTowerEmbedder(names.vision, visionTowerShape(config.vision_config), hiddenSize)
  }
  const { mm_embed_dim, mm_posemb_size, rms_norm_eps } = config.vision_config
  return new VisionEmbedder(names.vision.projector, {
    patchDim: patchDim(config),
    embedDim: mm_embed_dim,
    positions: mm_posemb_size,
    hiddenSize,
    eps: rms_norm_eps,
  })
}

function newAudio(config: MultimodalConfig): MultimodalModel['audio'] {
  const hiddenSize = config.text_config.hidden_size
  if (!config.audio_config) return null
  if (config.model_type === 'gemma4') {
    return new AudioTowerEmbedder(names.audio, audioTowerShape(config.audio_config), hiddenSize)
  }
  const { audio_embed_dim, rms_norm_eps } = config.audio_config
  return new AudioEmbedder(names.audio.projector, { frameDim: audio_embed_dim, hiddenSize, eps: rms_norm_eps })
}

/** A model that trains and generates: the trunk alone, or with its front ends. */
export type Model = Decoder | MultimodalModel

/** The model of a config, weights zero. */
export function newModel(config: ModelConfig | MultimodalConfig): Model {
  return 'text_config' in config ? new MultimodalModel(config) : new Decoder(config)
}

function need<T>(embedder: T | null, media: string, field: string): T {
  if (embedder) return embedder
  throw new PolluxError(`model: ${media} need ${field} in the config, got none`)
}

/** How many rows of `width` there are. */
function checkedRows(media: string, length: number, width: number): number {
  if (length % width === 0) return length / width
  throw new PolluxError(`model: features of ${media} must be rows of ${width} numbers, got ${length} numbers`)
}

function oneEach(media: string, rows: Int32Array, values: Tensor): Tensor {
  if (values.shape[0] === rows.length) return values
  throw new PolluxError(
    `model: ${media} must have as many features as placeholders (${rows.length}), got ${values.shape[0]}`,
  )
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
