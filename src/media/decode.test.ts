// One door for all files, and what comes through it when they are broken.
import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { PolluxError, Rng } from '../util/index.ts'
import { decodeMedia, type Media } from './decode.ts'
import { mediaTypes, sniff, type MediaFormat } from './sniff.ts'
import { encodeWav } from './wav.ts'

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)))
const raw = { width: 40, height: 30, channels: 3 } as const
const pixels = Uint8Array.from({ length: 3600 }, (_, i) => i * 7 + (i >> 5) * 31)
const picture = async (format: 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'tiff') =>
  new Uint8Array(await sharp(pixels, { raw }).toFormat(format).toBuffer())

const files: Record<MediaFormat, () => Uint8Array | Promise<Uint8Array>> = {
  jpeg: () => picture('jpeg'),
  png: () => picture('png'),
  webp: () => picture('webp'),
  gif: () => picture('gif'),
  avif: () => picture('avif'),
  tiff: () => picture('tiff'),
  wav: () => encodeWav({ rate: 16_000, samples: Float32Array.from({ length: 500 }, (_, i) => Math.sin(i / 9)) }),
  mp3: () => fixture('tone.mp3'),
  flac: () => fixture('tone.flac'),
  ogg: () => fixture('tone.ogg'),
  m4a: () => fixture('tone.m4a'),
  mp4: () => fixture('grey.mp4'),
  webm: () => fixture('grey.webm'),
}

/** Decodes; undefined where the file was refused as it should be: by a PolluxError. */
async function attempt(bytes: Uint8Array): Promise<Media | undefined> {
  try {
    return await decodeMedia(bytes, { clip: { fps: 5 } })
  } catch (error) {
    expect(error).toBeInstanceOf(PolluxError)
    expect((error as Error).message.length).toBeGreaterThan(10)
    return undefined
  }
}

/** What every decoded file is: of some size, with numbers in range. */
function checkMedia(media: Media): void {
  if ('picture' in media) {
    const { width, height, data } = media.picture
    expect(data.length).toBe(width * height * 3)
    expect(width * height).toBeGreaterThan(0)
  } else if ('sound' in media) {
    expect(media.sound.samples.length).toBeGreaterThan(0)
    expect(media.sound.samples.every((x) => Math.abs(x) <= 1)).toBe(true)
  } else {
    expect(media.clip.frames.length).toBeGreaterThan(0)
    for (const frame of media.clip.frames) checkMedia(frame)
  }
}

it.each(mediaTypes)('knows and decodes $format', async ({ format, kind }) => {
  const bytes = await files[format]()
  expect(sniff(bytes)?.format).toBe(format)
  const media = await decodeMedia(bytes, { clip: { fps: 5 } })
  expect(Object.keys(media)).toEqual([kind])
  checkMedia(media)
})

it.each(mediaTypes)('refuses $format that is cut short, and survives damage to it', async ({ format, kind }) => {
  const bytes = await files[format]()
  const rng = new Rng(format.length)
  const rounds = kind === 'clip' ? 4 : 12
  // without its last byte a gif lacks the mark of its end alone
  for (const cut of [4, 50, ...Array.from({ length: rounds }, () => 4 + rng.integer(bytes.length - 4))])
    expect(await attempt(bytes.slice(0, bytes.length - cut)), `${cut} bytes less`).toBeUndefined()
  for (let round = 0; round < rounds; round++) {
    const damaged = bytes.slice()
    for (let flips = 1 + rng.integer(4); flips > 0; flips--) damaged[rng.integer(bytes.length)] ^= 1 << rng.integer(8)
    const media = await attempt(damaged)
    if (media !== undefined) checkMedia(media)
  }
})

it('says what a file is that is not read', async () => {
  const text = (start: string) => decodeMedia(Uint8Array.from(Buffer.from(start, 'latin1')))
  await expect(text('')).rejects.toThrow('got an empty file')
  await expect(text('%PDF-1.7')).rejects.toThrow(
    'must be jpeg, png, webp, gif, avif, tiff, wav, mp3, flac, ogg, m4a, mp4 or webm, got a PDF',
  )
  await expect(text('RIFF\x10\x00\x00\x00AVI LIST')).rejects.toThrow("a RIFF file of type 'AVI '")
  await expect(text('\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic')).rejects.toThrow(
    "an ISO media file of brand 'heic'",
  )
  await expect(text('hello world')).rejects.toThrow('got 11 bytes that begin with 68 65 6c 6c 6f 20 77 6f')
})

it('takes an mp4 without pictures for sound', async () => {
  const bytes = fixture('tone.m4a')
  bytes.set(Buffer.from('isom'), 8)
  expect(sniff(bytes)?.format).toBe('mp4')
  expect(Object.keys(await decodeMedia(bytes))).toEqual(['sound'])
})
