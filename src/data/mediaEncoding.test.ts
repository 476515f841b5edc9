import { expect, test } from 'vitest'
import { patchify, type Picture, soundFrames } from '../media/index.ts'
import { MediaByteTokenizer } from '../testing/index.ts'
import { Rng } from '../util/index.ts'
import { MediaEncoder } from './mediaEncoding.ts'

const tokenizer = new MediaByteTokenizer(8)
const shape = { patchSize: 4, pooling: 1, imageTokens: 6, frameTokens: 4, soundFeatures: 'log_mel', mels: 16 } as const
const encoder = new MediaEncoder({ tokenizer, shape })
const id = (name: string): number => tokenizer.specialTokens.get(name)!

function picture(width: number, height: number, seed = 1): Picture {
  const rng = new Rng(seed)
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => rng.integer(256)) }
}
const tone = { rate: 16_000, samples: Float32Array.from({ length: 1500 }, (_, i) => Math.sin(i / 5)) }

test('a picture becomes its placeholders in one block, with its patches at the same places', async () => {
  const shown = picture(12, 8)
  const { ids, counted, blockEnd, pictures } = await encoder.encode([{ picture: shown }, { text: 'ab' }])
  const soft = Array.from({ length: 6 }, () => id('<|image|>'))
  expect([...ids]).toEqual([2, id('<|image>'), ...soft, id('<image|>'), ...tokenizer.encode('ab'), 1])
  expect([...counted]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1])
  expect([...blockEnd]).toEqual([0, 1, 7, 7, 7, 7, 7, 7, 8, 9, 10, 11])
  const { patches, positions } = patchify(shown, 4)
  expect(pictures).toEqual([{ start: 2, count: 6, features: patches, positions }])
})

test('a picture of another size is brought to the budget', async () => {
  const { pictures } = await encoder.encode([{ picture: picture(50, 50) }])
  expect(pictures[0].count).toBe(4)
})

test('questions are read and answers predicted, whatever merges a tokenizer has', async () => {
  const { counted } = await encoder.encode([{ text: 'q?', target: false }, { text: 'a' }], { prompt: true })
  expect([...counted]).toEqual([0, 0, 0, 1])
})

test('a sound is a row every 40 ms', async () => {
  const { ids, sounds } = await encoder.encode([{ sound: tone }], { prompt: true })
  expect([...ids]).toEqual([2, id('<|audio>'), id('<|audio|>'), id('<|audio|>'), id('<|audio|>'), id('<audio|>')])
  expect(sounds[0].features).toEqual(soundFrames(tone, { features: 'log_mel', mels: 16 }).frames)
})

test('a clip is timestamps, frames and the sound up to the next frame, none of it lost', async () => {
  const frames = [0, 1].map((time) => ({ time, picture: picture(8, 8, time) }))
  const sound = { rate: 16_000, samples: new Float32Array(32_000).map((_, i) => Math.sin(i / 9)) }
  const clip = { frames, sound, duration: 2 }
  const { ids, pictures, sounds } = await encoder.encode([{ clip }], { prompt: true })
  expect(pictures.map(({ count }) => count)).toEqual([4, 4])
  expect(sounds.map(({ count }) => count)).toEqual([25, 25])
  const joined = sounds.flatMap(({ features }) => [...features])
  expect(joined).toEqual([...soundFrames(sound, { features: 'log_mel', mels: 16 }).frames])
  const text = tokenizer.decode([...ids])
  expect(text).toBe('00:0000:01')
  expect([...ids].filter((each) => each === id('<|video|>'))).toHaveLength(8)
})

test('what is to be drawn becomes codes, each of them counted, the k-th of a patch in the k-th range', async () => {
  const imageCodes = {
    ...{ first: id('<|image_code_0|>'), tokens: 2, size: 4 },
    encode: (_: Float32Array, count: number) => Int32Array.from({ length: 2 * count }, (__, i) => i % 4),
  }
  const drawing = new MediaEncoder({ tokenizer, shape, imageCodes })
  const { ids, counted } = await drawing.encode([{ picture: picture(8, 4), target: true }], { prompt: true })
  const first = imageCodes.first
  expect([...ids]).toEqual([2, id('<|image>'), first, first + 5, first + 2, first + 7, id('<image|>')])
  expect([...counted]).toEqual([0, 1, 1, 1, 1, 1, 1])
  await expect(encoder.encode([{ picture: picture(8, 4), target: true }])).rejects.toThrow('needs a media tokenizer')
})

test('a tokenizer without the tokens of media is refused by name', () => {
  const bare = { vocabSize: 256, bosId: 1, eosId: 2, encode: () => [], decodeBytes: () => new Uint8Array() }
  expect(() => new MediaEncoder({ tokenizer: bare, shape })).toThrow('must have the token <|image>')
})
