// A checkpoint with media, opened: the model, its tokenizers, and the encoder that turns parts into its tokens.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type MediaCodes, MediaEncoder, type MediaShape } from '../data/index.ts'
import {
  codeCount,
  type FsqTokenizer,
  loadAnyModel,
  loadMediaTokenizers,
  mediaTokenizerFolder,
  type MediaTokenizers,
  type MultimodalConfig,
  MultimodalModel,
} from '../model/index.ts'
import { Tokenizer } from '../tokenizer/index.ts'
import { PolluxError } from '../util/index.ts'

/** Sizes of media in tokens, as a config states them. @throws PolluxError for a model with towers */
export function mediaShapeOf(config: MultimodalConfig): MediaShape {
  if (config.model_type === 'gemma4') {
    throw new PolluxError('model: media files are read for models without towers, got one of type gemma4', {
      hint: 'its text part works; its towers are computed when called with patches and spectra (MultimodalModel)',
    })
  }
  const { vision_config: vision, audio_config: audio } = config
  return {
    patchSize: vision?.patch_size ?? 16,
    pooling: vision?.pooling_kernel_size ?? 3,
    imageTokens: vision?.image_seq_length ?? 280,
    frameTokens: vision?.frame_seq_length ?? 70,
    soundFeatures: audio?.features ?? 'waveform',
    mels: audio?.num_mel_bins ?? 128,
  }
}

/** Names of the tokens that stand for the codes of a media tokenizer: those of the k-th code of a patch follow those before. */
export function codeTokenNames(tokenizer: FsqTokenizer): string[] {
  const { kind, levels, tokensPerPatch } = tokenizer.config
  const count = codeCount(levels) * tokensPerPatch
  return Array.from({ length: count }, (_, i) => `<|${kind}_code_${i}|>`)
}

/** The codes of a media tokenizer as tokens of a vocabulary that has them; undefined without a media tokenizer. */
export function mediaCodesOf(tokenizer: Tokenizer, codes: FsqTokenizer | undefined): MediaCodes | undefined {
  if (!codes) return undefined
  const names = codeTokenNames(codes)
  const [first, last] = [names[0], names.at(-1)!].map((name) => tokenizer.specialTokens.get(name))
  if (first === undefined || last !== first + names.length - 1) {
    throw new PolluxError(`checkpoint: tokenizer.json must have ${names[0]} to ${names.at(-1)}, got other tokens`, {
      hint: 'the folder mixes files of two models',
    })
  }
  const { tokensPerPatch, levels } = codes.config
  return { first, tokens: tokensPerPatch, size: codeCount(levels), encode: (features) => codes.encode(features) }
}

export interface MediaModel {
  model: MultimodalModel
  tokenizer: Tokenizer
  codes: MediaTokenizers
  encoder: MediaEncoder
}

/** Opens a checkpoint folder. @throws PolluxError when it reads no media, or a file is missing or damaged */
export function openMediaModel(folder: string): MediaModel {
  const model = loadAnyModel(folder)
  if (!(model instanceof MultimodalModel)) {
    throw new PolluxError(`model: ${folder} must be of a model that reads media, got one of text alone`, {
      hint: 'npx pollux train --world trains one',
    })
  }
  const tokenizer = Tokenizer.load(join(folder, 'tokenizer.json'))
  const codesFolder = join(folder, mediaTokenizerFolder)
  const codes = existsSync(codesFolder) ? loadMediaTokenizers(codesFolder) : {}
  const encoder = new MediaEncoder({
    tokenizer,
    shape: mediaShapeOf(model.config),
    imageCodes: mediaCodesOf(tokenizer, codes.image),
    soundCodes: mediaCodesOf(tokenizer, codes.audio),
  })
  return { model, tokenizer, codes, encoder }
}
