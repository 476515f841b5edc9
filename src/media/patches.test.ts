import { expect, it } from 'vitest'
import { Rng } from '../util/index.ts'
import { soundTokens, timestamp } from './budget.ts'
import { patchify, unpatchify } from './patches.ts'
import { encodePng, gallery } from './png.ts'
import sharp from 'sharp'

function noise(width: number, height: number) {
  const rng = new Rng(width * 1000 + height)
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => rng.integer(256)) }
}

it('gives back the picture that was cut up', () => {
  for (const [width, height, size] of [
    [12, 8, 4],
    [3, 5, 1],
    [16, 16, 16],
  ]) {
    const picture = noise(width, height)
    const { patches, columns, rows } = patchify(picture, size)
    expect(unpatchify(patches, columns, rows, size)).toEqual(picture)
  }
})

it('orders patches by row, then column, and values by row, column and channel', () => {
  const picture = noise(6, 4)
  const { patches, positions, columns, rows } = patchify(picture, 2)
  expect([columns, rows]).toEqual([3, 2])
  expect([...positions]).toEqual([0, 0, 1, 0, 2, 0, 0, 1, 1, 1, 2, 1])
  // patch 4 is column 1, row 1: its second row, first pixel, blue is at pixel (2, 3)
  expect(patches[4 * 12 + 2 * 3 + 2]).toBeCloseTo(picture.data[(3 * 6 + 2) * 3 + 2] / 255, 6)
})

it('clamps what a model gives beyond black and white', () => {
  expect([...unpatchify(Float32Array.of(-1, 0.5, 7, Number.NaN, 1, 0), 2, 1, 1).data]).toEqual([0, 128, 255, 0, 255, 0])
})

it('refuses sides that patches do not fill, and arrays of another size', () => {
  expect(() => patchify(noise(10, 8), 4)).toThrow('patchify: sides must be multiples of 4, got 10x8')
  expect(() => patchify({ width: 4, height: 4, data: new Uint8Array(5) }, 4)).toThrow('must have 48 bytes, got 5')
  expect(() => patchify({ width: 0, height: 4, data: new Uint8Array(0) }, 4)).toThrow('at least one pixel, got 0x4')
  expect(() => unpatchify(new Float32Array(11), 1, 1, 2)).toThrow('must be 12 values, got 11')
})

it('counts sound by the started 40 ms and tells time by the full second', () => {
  expect([0, 0.001, 0.04, 0.0401, 1, 11, 30].map(soundTokens)).toEqual([0, 1, 1, 2, 25, 275, 750])
  expect([0, 1.99, 61, 3600].map(timestamp)).toEqual(['00:00', '00:01', '01:01', '60:00'])
  expect(() => soundTokens(Number.NaN)).toThrow('finite number from 0, got NaN')
})

it('writes PNG files without loss', async () => {
  const picture = noise(7, 5)
  const { data, info } = await sharp(await encodePng(picture))
    .raw()
    .toBuffer({ resolveWithObject: true })
  expect([info.width, info.height, info.channels]).toEqual([7, 5, 3])
  expect(new Uint8Array(data)).toEqual(picture.data)
})

it('puts enlarged pictures on one sheet', () => {
  const pictures = [noise(2, 2), noise(2, 1), noise(1, 2)]
  const sheet = gallery(pictures, 2, 3)
  expect([sheet.width, sheet.height]).toEqual([2 * 7 + 1, 2 * 7 + 1])
  const pixel = (x: number, y: number) => [...sheet.data.subarray((y * 15 + x) * 3, (y * 15 + x) * 3 + 3)]
  expect(pixel(0, 0)).toEqual([128, 128, 128])
  // the last pixel of the first picture, a corner of the second, the gap between them
  expect(pixel(6, 6)).toEqual([...pictures[0].data.subarray(9)])
  expect(pixel(8, 3)).toEqual([...pictures[1].data.subarray(0, 3)])
  expect(pixel(7, 1)).toEqual([128, 128, 128])
  expect(pixel(3, 13)).toEqual([...pictures[2].data.subarray(3, 6)])
  expect(pixel(14, 14)).toEqual([128, 128, 128])
})
