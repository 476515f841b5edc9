import { expect, test } from 'vitest'
import { patchify, soundFrames } from '../../media/index.ts'
import { Rng } from '../../util/index.ts'
import { decodePicture, decodeSound, encodePicture, encodeSound, FsqTokenizer, patchSizeOf } from './index.ts'

const image = new FsqTokenizer({ kind: 'image', inputDim: 48, channels: 3, hidden: 16, depth: 1 }).initialise(
  new Rng(1),
)
const audio = new FsqTokenizer({ kind: 'audio', inputDim: 64, channels: 16, hidden: 16, depth: 1, tokensPerPatch: 3 })
audio.initialise(new Rng(2))
const rng = new Rng(3)
const picture = { width: 12, height: 8, data: Uint8Array.from({ length: 288 }, () => rng.integer(256)) }
const sound = { rate: 16000, samples: Float32Array.from({ length: 2000 }, () => 0.2 * rng.normal()) }

test('a picture becomes n codes for each patch in reading order, and a picture of its size again', () => {
  const coded = encodePicture(image, picture)
  expect([coded.columns, coded.rows, coded.codes.length]).toEqual([3, 2, 12])
  const fifth = patchify(picture, 4).patches.slice(4 * 48, 5 * 48)
  expect(coded.codes.slice(8, 10)).toEqual(image.encode(fifth))
  const decoded = decodePicture(image, coded)
  expect([decoded.width, decoded.height, decoded.data.length]).toEqual([12, 8, 288])
  expect(() => decodePicture(image, { ...coded, rows: 3 })).toThrow('unpatchify')
})

test('a sound becomes n codes for each 40 ms begun, and 40 ms of sound again', () => {
  const codes = encodeSound(audio, sound)
  expect(codes.length).toBe(4 * 3)
  expect(codes).toEqual(audio.encode(soundFrames(sound, { features: 'log_mel', mels: 16 }).frames))
  const decoded = decodeSound(audio, codes)
  expect([decoded.rate, decoded.samples.length]).toEqual([16000, 4 * 640])
})

test('a tokenizer of the other kind is refused', () => {
  expect(patchSizeOf(image)).toBe(4)
  expect(() => encodePicture(audio, picture)).toThrow('tokenizer must be of kind "image", got "audio"')
  expect(() => encodeSound(image, sound)).toThrow('encodeSound: tokenizer must be of kind "audio", got "image"')
  expect(() => decodeSound(image, new Int32Array(2))).toThrow('decodeSound')
})
