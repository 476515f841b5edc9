// Whole pictures and sounds as codes and back: patches and frames as src/media cuts them, with the sizes that a tokenizer has.
import { invertLogMel, patchify, type Picture, type Sound, soundFrames, unpatchify } from '../../media/index.ts'
import { PolluxError } from '../../util/index.ts'
import type { MediaKind } from './config.ts'
import type { FsqTokenizer } from './tokenizer.ts'

/** Codes of a picture: n for each patch, patches left to right and top to bottom. */
export interface PictureCodes {
  /** [rows * columns * n]. */
  codes: Int32Array
  columns: number
  rows: number
}

/** Side of the square patches of an image tokenizer, in pixels. */
export function patchSizeOf(tokenizer: FsqTokenizer): number {
  expectKind('patchSizeOf', tokenizer, 'image')
  const side = Math.sqrt(tokenizer.config.inputDim / 3)
  if (!Number.isInteger(side))
    throw new PolluxError(`patchSizeOf: inputDim must be 3 times a square, got ${tokenizer.config.inputDim}`)
  return side
}

/** Codes of a picture whose sides are multiples of the patch size. */
export function encodePicture(tokenizer: FsqTokenizer, picture: Picture): PictureCodes {
  const { patches, columns, rows } = patchify(picture, patchSizeOf(tokenizer))
  return { codes: tokenizer.encode(patches), columns, rows }
}

/** The picture of codes. @throws PolluxError unless there are n codes for each of columns * rows patches */
export function decodePicture(tokenizer: FsqTokenizer, { codes, columns, rows }: PictureCodes): Picture {
  return unpatchify(tokenizer.decode(codes), columns, rows, patchSizeOf(tokenizer))
}

/** Codes of a sound at 16 kHz: n for each 40 ms. */
export function encodeSound(tokenizer: FsqTokenizer, sound: Sound): Int32Array {
  expectKind('encodeSound', tokenizer, 'audio')
  return tokenizer.encode(soundFrames(sound, { features: 'log_mel', mels: tokenizer.config.channels }).frames)
}

/** The sound of codes, at 16 kHz: 640 samples for each n codes. */
export function decodeSound(tokenizer: FsqTokenizer, codes: Int32Array): Sound {
  expectKind('decodeSound', tokenizer, 'audio')
  return invertLogMel(tokenizer.decode(codes), { mels: tokenizer.config.channels })
}

function expectKind(op: string, { config }: FsqTokenizer, kind: MediaKind): void {
  if (config.kind !== kind) throw new PolluxError(`${op}: tokenizer must be of kind "${kind}", got "${config.kind}"`)
}
