import sharp from 'sharp'
import { expect, it } from 'vitest'
import { preparePicture, readPicture } from './picture.ts'
import { encodePng } from './png.ts'

/** A file whose left half is red and whose right half is blue, with alpha: the lower half is clear. */
const halves = (width: number, height: number, channels: 3 | 4 = 3) => {
  const data = new Uint8Array(width * height * channels)
  for (let i = 0; i < width * height; i++) {
    data[i * channels + (i % width < width / 2 ? 0 : 2)] = 255
    if (channels === 4) data[i * 4 + 3] = i < (width * height) / 2 ? 255 : 0
  }
  return sharp(data, { raw: { width, height, channels } })
}

const pixel = ({ width, data }: { width: number; data: Uint8Array }, x: number, y: number) => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
]

it.each(['png', 'webp', 'gif', 'tiff', 'jpeg', 'avif'] as const)('reads %s files', async (format) => {
  const lossless = { png: {}, gif: {}, tiff: { compression: 'lzw' }, webp: { lossless: true } } as const
  const options = format in lossless ? lossless[format as keyof typeof lossless] : { quality: 100 }
  const picture = await readPicture(await halves(16, 8).toFormat(format, options).toBuffer())
  expect([picture.width, picture.height, picture.data.length]).toEqual([16, 8, 384])
  const away = format === 'jpeg' || format === 'avif' ? 12 : 0
  const near = (got: number[], wanted: number[]) =>
    got.forEach((value, c) => expect(Math.abs(value - wanted[c])).toBeLessThanOrEqual(away))
  near(pixel(picture, 1, 1), [255, 0, 0])
  near(pixel(picture, 14, 6), [0, 0, 255])
})

it('turns pictures as their EXIF orientation says', async () => {
  // 6: the first row is the right side, so red comes to lie above
  const file = await halves(16, 8).withMetadata({ orientation: 6 }).png().toBuffer()
  const picture = await readPicture(file)
  expect([picture.width, picture.height]).toEqual([8, 16])
  expect([pixel(picture, 4, 1), pixel(picture, 4, 14)]).toEqual([
    [255, 0, 0],
    [0, 0, 255],
  ])
})

it('shows the background through what is clear', async () => {
  const file = await halves(4, 4, 4).png().toBuffer()
  expect(pixel(await readPicture(file), 0, 3)).toEqual([255, 255, 255])
  expect(pixel(await readPicture(file, { background: '#102030' }), 0, 3)).toEqual([16, 32, 48])
  expect(pixel(await readPicture(file), 0, 0)).toEqual([255, 0, 0])
})

it('makes colours of grey, of 16 bits and of CMYK, and takes the first frame of several', async () => {
  const grey = await sharp(Uint8Array.of(0, 100, 200, 255), { raw: { width: 4, height: 1, channels: 1 } })
  const read = await readPicture(await grey.clone().toColourspace('b-w').png().toBuffer())
  expect([...read.data]).toEqual([0, 0, 0, 100, 100, 100, 200, 200, 200, 255, 255, 255])
  const deep = await readPicture(await grey.clone().toColourspace('rgb16').png().toBuffer())
  expect(deep.data).toEqual(read.data)
  const cmyk = await readPicture(await halves(8, 8).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer())
  const [red, green] = pixel(cmyk, 0, 0)
  expect(red).toBeGreaterThan(150)
  expect(green).toBeLessThan(100)
  const stack = new Uint8Array(4 * 8 * 3).fill(255, 48)
  const raw = { width: 4, height: 8, channels: 3, pageHeight: 4 } as const
  const animated = await sharp(stack, { raw })
    .gif({ delay: [100, 100] })
    .toBuffer()
  expect((await sharp(animated).metadata()).pages).toBe(2)
  const first = await readPicture(animated)
  expect([first.width, first.height, ...pixel(first, 0, 0)]).toEqual([4, 4, 0, 0, 0])
})

it('refuses pictures over the limit, and what are none', async () => {
  const file = await halves(20, 10).png().toBuffer()
  await expect(readPicture(file, { maxPixels: 199 })).rejects.toThrow('must have at most 199 pixels')
  await expect(readPicture(file.subarray(0, file.length - 4))).rejects.toThrow('must end with IEND')
  const svg = new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"/>')
  await expect(readPicture(svg)).rejects.toThrow('got an SVG drawing')
  await expect(readPicture(new Uint8Array(0))).rejects.toThrow('got an empty file')
})

it('prepares a picture for its budget of tokens', async () => {
  const picture = await readPicture(await halves(100, 50).png().toBuffer())
  const {
    tokens,
    columns,
    rows,
    patches,
    picture: resized,
  } = await preparePicture(picture, {
    patchSize: 8,
    pooling: 2,
    maxTokens: 10,
  })
  // 8 tokens: 4 x 2 cells of 16 pixels, each of four patches
  expect([resized.width, resized.height, tokens, columns, rows]).toEqual([64, 32, 8, 8, 4])
  expect(patches.length).toBe(columns * rows * 8 * 8 * 3)
  expect([patches[0], patches[1]]).toEqual([1, 0])
  expect((await readPicture(await encodePng(resized))).data).toEqual(resized.data)
})
