// Pictures as PNG files, and many of them on one sheet. The coding is sharp's (libvips).
import { PolluxError } from '../util/index.ts'
import sharp from 'sharp'
import { checkPicture } from './check.ts'
import type { Picture } from './types.ts'

/** A PNG file of the picture, without loss. */
export async function encodePng(picture: Picture): Promise<Uint8Array> {
  checkPicture('encodePng', picture)
  return await open(picture).png().toBuffer()
}

/**
 * A contact sheet: pictures in rows of `columns`, each pixel drawn as a square of `scale`, with gaps of 1 grey pixel between
 * and around. Cells have the size of the largest picture; what a picture or the last row leaves empty is grey too.
 */
export function gallery(pictures: readonly Picture[], columns: number, scale = 1): Picture {
  if (pictures.length === 0) throw new PolluxError('gallery: there must be at least one picture, got none')
  for (const [name, value] of Object.entries({ columns, scale })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new PolluxError(`gallery: ${name} must be a whole number above 0, got ${value}`)
  }
  for (const picture of pictures) checkPicture('gallery', picture)
  const across = Math.min(columns, pictures.length)
  const down = Math.ceil(pictures.length / columns)
  const cellWidth = Math.max(...pictures.map((picture) => picture.width)) * scale + 1
  const cellHeight = Math.max(...pictures.map((picture) => picture.height)) * scale + 1
  const width = across * cellWidth + 1
  const height = down * cellHeight + 1
  const data = new Uint8Array(width * height * 3).fill(128)
  pictures.forEach((picture, index) => {
    const left = (index % columns) * cellWidth + 1
    const top = Math.floor(index / columns) * cellHeight + 1
    for (let y = 0; y < picture.height * scale; y++) {
      for (let x = 0; x < picture.width * scale; x++) {
        const from = (Math.floor(y / scale) * picture.width + Math.floor(x / scale)) * 3
        data.set(picture.data.subarray(from, from + 3), ((top + y) * width + left + x) * 3)
      }
    }
  })
  return { width, height, data }
}

function open({ width, height, data }: Picture) {
  return sharp(data, { raw: { width, height, channels: 3 } })
}
