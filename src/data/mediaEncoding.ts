// A document of parts as one row of tokens, with what its media need beside them.
//
//   <bos> <|image> <|image|> x n <image|> what color is the circle?\n red\n <eos>
//          soft tokens: features ride along              not counted    counted
//
// A picture or sound with `target` becomes codes of the vocabulary, every one of them counted. A clip is its frames
// in order, each after its mm:ss, and after each frame the sound up to the next. Text parts are encoded apart, so
// that a question's last token never merges with the answer's first.
import {
  type Clip,
  fitToBudget,
  patchify,
  type Picture,
  resizePicture,
  type Sound,
  soundFrames,
  timestamp,
} from '../media/index.ts'
import { dataError } from './errors.ts'
import type { MediaPart } from './mediaPart.ts'
import type { TextTokenizer } from './textTokenizer.ts'

/** Sizes of media in tokens. */
export interface MediaShape {
  /** Pixels of a patch's side, and patches a side that share one soft token (Gemma 4: 16, 3; nano: 8, 1). */
  patchSize: number
  pooling: number
  /** Most soft tokens of a picture and of a video frame. */
  imageTokens: number
  frameTokens: number
  /** What a 40 ms row of sound holds: samples, or 4 hops of this many mel bands. */
  soundFeatures: 'waveform' | 'log_mel'
  mels: number
}

/** Codes of media, as ordinary tokens: ids [first, first + tokens * size), the k-th code of a patch in the k-th range. */
export interface MediaCodes {
  first: number
  /** Codes a patch or frame, and values a code has. */
  tokens: number
  size: number
  /** Features [N, P] -> codes [N, tokens]. */
  encode(features: Float32Array, count: number): Int32Array
}

/** Soft rows of a picture, a frame or a stretch of sound. */
export interface SoftSpan {
  start: number
  count: number
  /** [count, F]: patches of side*side*3 (side = patchSize * pooling, values 0 to 1), or rows of sound. */
  features: Float32Array
}
export interface PictureSpan extends SoftSpan {
  /** [count, 2]: x, y. */
  positions: Int32Array
}

export interface EncodedDocument {
  ids: Int32Array
  /** [n] 1: this token is predicted. */
  counted: Uint8Array
  /** [n] last place of the image block a token belongs to; its own place elsewhere. */
  blockEnd: Int32Array
  pictures: PictureSpan[]
  sounds: SoftSpan[]
  /** Parts of the document by the place where they may be cut: starts of text parts and of media blocks. */
  cuts: number[]
}

export interface MediaEncoderOptions {
  tokenizer: TextTokenizer
  shape: MediaShape
  imageCodes?: MediaCodes
  soundCodes?: MediaCodes
}

/** Names of the special tokens that media need. */
const names = {
  imageOpen: '<|image>',
  image: '<|image|>',
  imageClose: '<image|>',
  audioOpen: '<|audio>',
  audio: '<|audio|>',
  audioClose: '<audio|>',
  video: '<|video|>',
} as const

export class MediaEncoder {
  readonly options: MediaEncoderOptions
  readonly ids: Record<keyof typeof names, number>
  readonly bosId: number
  readonly eosId: number | null

  /** @throws PolluxError when the tokenizer lacks a token that media need */
  constructor(options: MediaEncoderOptions) {
    const { tokenizer } = options
    this.options = options
    const bos = tokenizer.bosId ?? tokenizer.eosId ?? null
    if (bos === null) throw dataError('a tokenizer must have a bosId or an eosId to mark documents, got neither')
    this.bosId = bos
    this.eosId = tokenizer.eosId ?? null
    const ids = Object.entries(names).map(([role, name]) => {
      const id = tokenizer.specialTokens?.get(name)
      if (id === undefined) throw dataError(`a tokenizer must have the token ${name} to read media, got none`)
      return [role, id]
    })
    this.ids = Object.fromEntries(ids) as Record<keyof typeof names, number>
  }

  /** A whole document: opened by <bos>, and closed by <eos> unless it is a prompt. */
  async encode(parts: MediaPart[], { prompt = false } = {}): Promise<EncodedDocument> {
    const row = new RowWriter()
    row.push(this.bosId, false)
    for (const part of parts) {
      row.cut()
      if ('text' in part) this.#text(row, part.text, part.target !== false)
      else if ('picture' in part) await this.#picture(row, part.picture, part.target === true)
      else if ('sound' in part) this.#sound(row, part.sound, part.target === true)
      else await this.#clip(row, part.clip)
    }
    if (!prompt && this.eosId !== null) row.push(this.eosId, true)
    return row.finish()
  }

  #text(row: RowWriter, text: string, counted: boolean): void {
    for (const id of this.options.tokenizer.encode(text)) row.push(id, counted)
  }

  async #picture(row: RowWriter, picture: Picture, target: boolean): Promise<void> {
    const { shape, imageCodes } = this.options
    if (!target) return this.#softPicture(row, picture, this.ids.image, shape.imageTokens)
    if (!imageCodes)
      throw dataError('a picture to be drawn needs a media tokenizer, got none', 'npx pollux media-tokenizer')
    const { patches, positions } = patchify(picture, shape.patchSize)
    this.#codes(row, [this.ids.imageOpen, this.ids.imageClose], imageCodes, patches, positions.length / 2)
  }

  async #softPicture(row: RowWriter, picture: Picture, placeholder: number, maxTokens: number): Promise<void> {
    const { patchSize, pooling } = this.options.shape
    const { width, height } = fitToBudget(picture, { patchSize, pooling, maxTokens })
    const fitted =
      width === picture.width && height === picture.height ? picture : await resizePicture(picture, width, height)
    const { patches, positions } = patchify(fitted, patchSize * pooling)
    row.push(this.ids.imageOpen, false)
    const count = positions.length / 2
    row.document.pictures.push({ start: row.length, count, features: patches, positions })
    row.block(placeholder, count, true)
    row.push(this.ids.imageClose, false)
  }

  #sound(row: RowWriter, sound: Sound, target: boolean): void {
    const { shape, soundCodes } = this.options
    const { frames, count } = soundFrames(sound, { features: shape.soundFeatures, mels: shape.mels })
    if (!target) return this.#softSound(row, frames, count)
    if (!soundCodes)
      throw dataError('a sound to be spoken needs a media tokenizer, got none', 'npx pollux media-tokenizer')
    this.#codes(row, [this.ids.audioOpen, this.ids.audioClose], soundCodes, frames, count)
  }

  #softSound(row: RowWriter, frames: Float32Array, count: number): void {
    if (count === 0) return
    row.push(this.ids.audioOpen, false)
    row.document.sounds.push({ start: row.length, count, features: frames })
    row.block(this.ids.audio, count, false)
    row.push(this.ids.audioClose, false)
  }

  async #clip(row: RowWriter, { frames, sound }: Clip): Promise<void> {
    const { shape, tokenizer } = this.options
    const all = sound && soundFrames(sound, { features: shape.soundFeatures, mels: shape.mels })
    const dim = all ? all.frames.length / Math.max(1, all.count) : 0
    let heard = 0
    for (const [i, { time, picture }] of frames.entries()) {
      row.cut()
      for (const id of tokenizer.encode(timestamp(time))) row.push(id, false)
      await this.#softPicture(row, picture, this.ids.video, shape.frameTokens)
      if (!all) continue
      const until = i + 1 < frames.length ? Math.min(all.count, Math.round(frames[i + 1].time * 25)) : all.count
      this.#softSound(row, all.frames.subarray(heard * dim, until * dim), Math.max(0, until - heard))
      heard = Math.max(heard, until)
    }
  }

  #codes(row: RowWriter, [open, close]: number[], codes: MediaCodes, features: Float32Array, count: number): void {
    const values = codes.encode(features, count)
    if (values.length !== count * codes.tokens) {
      throw dataError(`codes must be ${count} x ${codes.tokens}, got ${values.length}`)
    }
    row.push(open, true)
    values.forEach((value, i) => row.push(codes.first + (i % codes.tokens) * codes.size + value, true))
    row.push(close, true)
  }
}

/** A row under construction. */
class RowWriter {
  readonly document = { pictures: [] as PictureSpan[], sounds: [] as SoftSpan[], cuts: [] as number[] }
  readonly #ids: number[] = []
  readonly #counted: number[] = []
  readonly #blockEnd: number[] = []

  get length(): number {
    return this.#ids.length
  }

  push(id: number, counted: boolean): void {
    this.#blockEnd.push(this.#ids.length)
    this.#ids.push(id)
    this.#counted.push(counted ? 1 : 0)
  }

  /** Placeholders of one block; `mutual`: its rows see each other both ways. */
  block(id: number, count: number, mutual: boolean): void {
    const end = this.#ids.length + count - 1
    for (let i = 0; i < count; i++) {
      this.push(id, false)
      if (mutual) this.#blockEnd[this.#blockEnd.length - 1] = end
    }
  }

  cut(): void {
    this.document.cuts.push(this.#ids.length)
  }

  finish(): EncodedDocument {
    return {
      ids: Int32Array.from(this.#ids),
      counted: Uint8Array.from(this.#counted),
      blockEnd: Int32Array.from(this.#blockEnd),
      ...this.document,
    }
  }
}
