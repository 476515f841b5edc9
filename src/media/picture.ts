// Picture files as pixels, through sharp (libvips), and pixels as a model reads them.
import { PolluxError } from '../util/index.ts'
import sharp from 'sharp'
import { fitToBudget, type PictureBudget } from './budget.ts'
import { patchify, type Patches } from './patches.ts'
import { resizePicture } from './resize.ts'
import { describeUnknown, sniff } from './sniff.ts'
import type { Picture } from './types.ts'

/** Settings of `readPicture`. */
export interface PictureOptions {
  /** What shows through transparent pixels, as sharp names colours; default white. */
  background?: string
  /** Most pixels, width times height; default 100 million. */
  maxPixels?: number
}

/** Decoding 100 million pixels takes seconds; this is for files that never end. */
const decodeSeconds = 120

/**
 * A picture file (jpeg, png, webp, gif, avif, tiff) as 8-bit sRGB: turned as its EXIF orientation says, flattened on `background`,
 * colour profiles and grey converted, the first frame or page of several. Throws PolluxError for files of another
 * kind, damaged, cut short or too large ones.
 */
export async function readPicture(bytes: Uint8Array, options: PictureOptions = {}): Promise<Picture> {
  const { background = 'white', maxPixels = 100_000_000 } = options
  const type = sniff(bytes)
  if (type?.kind !== 'picture') {
    const got = type === undefined ? describeUnknown(bytes) : `a ${type.format} file`
    throw new PolluxError(`readPicture: must be a jpeg, png, webp, gif, avif or tiff file, got ${got}`)
  }
  if (type.format === 'png') checkPngEnd(bytes)
  try {
    const { data, info } = await sharp(bytes, { failOn: 'warning', limitInputPixels: maxPixels, pages: 1 })
      .timeout({ seconds: decodeSeconds })
      .autoOrient()
      .flatten({ background })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    if (info.channels !== 3) throw new Error(`3 colour channels expected, got ${info.channels}`)
    return { width: info.width, height: info.height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) }
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).trim().split('\n')[0]
    if (/exceeds pixel limit/.test(reason))
      throw new PolluxError(`readPicture: must have at most ${maxPixels} pixels, got more`, { cause: error })
    throw new PolluxError(`readPicture: must decode as ${type.format}, got: ${reason}`, { cause: error })
  }
}

/** A PNG file ends with the chunk IEND; libpng is content when the pixels are there. */
function checkPngEnd(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at))
    if (view.getUint32(at + 4) === 0x49454e44) return
  throw new PolluxError('readPicture: a png file must end with IEND, got none: the file is cut short')
}

/**
 * The picture at the size that its budget of tokens allows, cut into patches of `patchSize`; `pooling` x `pooling` of them
 * make a token. Gemma's vision towers want patchSize 16 and pooling 3; its encoder-free model, which takes a whole token for a
 * patch, wants 48 and 1, with the same size and tokens.
 */
export async function preparePicture(
  picture: Picture,
  budget: PictureBudget,
): Promise<Patches & { picture: Picture; tokens: number }> {
  const { width, height, tokens } = fitToBudget(picture, budget)
  const resized = await resizePicture(picture, width, height)
  return { picture: resized, tokens, ...patchify(resized, budget.patchSize) }
}
