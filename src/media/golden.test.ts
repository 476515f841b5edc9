// Against other programs: Pillow resizes, transformers chooses sizes and makes spectra. test/golden/media/make.py wrote the values.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { fitToBudget } from './budget.ts'
import { resizePicture } from './resize.ts'
import { logMel } from './spectrum.ts'

interface Golden {
  resize: { width: number; height: number; toWidth: number; toHeight: number; data: string }[]
  budget: [number, number, number, number, number, number, number][]
  spectrum: { mels: number; count: number; hops: number; spectrum: string }[]
}

const golden = JSON.parse(
  readFileSync(new URL('../../test/golden/media/media.json', import.meta.url), 'utf8'),
) as Golden

function picture(width: number, height: number) {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++) for (let c = 0; c < 3; c++) data[i++] = x * x * (3 + c) + y * 29 + (x ^ y) * 16
  return { width, height, data }
}

function sound(count: number): Float32Array {
  const samples = Float64Array.from(
    { length: count },
    (_, n) => 0.4 * Math.sin(n * n * 1e-4) + 0.2 * Math.sin(n * 0.17),
  )
  samples[Math.floor(count / 2)] += 0.4
  return Float32Array.from(samples)
}

it.each(golden.resize)('resizes $width x $height to $toWidth x $toHeight as Pillow does', async (item) => {
  const got = await resizePicture(picture(item.width, item.height), item.toWidth, item.toHeight)
  const wanted = Buffer.from(item.data, 'base64')
  expect([got.width, got.height, got.data.length]).toEqual([item.toWidth, item.toHeight, wanted.length])
  // Pillow's weights are whole numbers of 22 bits: a tie may fall to the other side
  let most = 0
  for (let i = 0; i < wanted.length; i++) most = Math.max(most, Math.abs(wanted[i] - got.data[i]))
  expect(most).toBeLessThanOrEqual(1)
})

it.each(golden.budget)('%i x %i with patches of %i, pooling %i and %i tokens', (...item) => {
  const [width, height, patchSize, pooling, maxTokens, toWidth, toHeight] = item
  const got = fitToBudget({ width, height }, { patchSize, pooling, maxTokens })
  const tokens = (toWidth * toHeight) / (patchSize * pooling) ** 2
  expect(got).toEqual({ width: toWidth, height: toHeight, tokens })
  expect(got.tokens).toBeLessThanOrEqual(maxTokens)
})

it.each(golden.spectrum)('makes the spectrum of $count samples with $mels filters as Gemma does', (item) => {
  const got = logMel(sound(item.count), { mels: item.mels })
  const bytes = Uint8Array.from(Buffer.from(item.spectrum, 'base64'))
  const wanted = new Float32Array(bytes.buffer)
  expect([got.hops, got.spectrum.length]).toEqual([item.hops, wanted.length])
  // Gemma's code windows and transforms in float32: errors of some 1e-6 before the logarithm
  let most = 0
  for (let i = 0; i < wanted.length; i++)
    most = Math.max(most, Math.abs(Math.exp(wanted[i]) - Math.exp(got.spectrum[i])) / (1 + Math.exp(wanted[i])))
  expect(most).toBeLessThan(1e-5)
})
