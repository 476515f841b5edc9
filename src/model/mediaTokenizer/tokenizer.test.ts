import { expect, test } from 'vitest'
import { normalArray, random } from '../../testing/index.ts'
import { Rng } from '../../util/index.ts'
import { codesToDigits, digitsToCodes } from './codes.ts'
import { FsqTokenizer, parseFsqConfig } from './index.ts'

const small = { kind: 'image', inputDim: 12, channels: 3, hidden: 16, depth: 1 } as const
const P = small.inputDim
const tokenizer = new FsqTokenizer(small).initialise(new Rng(1))
const patches = normalArray(random(2), 2100 * P).map((x) => 0.3 * x + 0.5)
tokenizer.measure(patches)

test('codes are the mixed radix of their digits, both ways', () => {
  const levels = [4, 5, 3]
  const digits = Int32Array.from([3, 4, 2, 0, 0, 0, 1, 2, 1])
  expect([...digitsToCodes(digits, levels)]).toEqual([3 + 4 * 4 + 2 * 20, 0, 1 + 2 * 4 + 20])
  const all = Int32Array.from({ length: 60 }, (_, i) => i)
  expect(digitsToCodes(codesToDigits(all, levels), levels)).toEqual(all)
  expect(() => codesToDigits(Int32Array.of(60), levels)).toThrow('codes must be from 0 to 59, got 60 at 0')
  expect(() => codesToDigits(Int32Array.of(0, -1), levels)).toThrow('got -1 at 1')
})

test('every patch becomes n codes in range and comes back with its width', () => {
  const codes = tokenizer.encode(patches)
  expect(codes.length).toBe(2100 * 2)
  expect(codes.every((code) => code >= 0 && code < 256)).toBe(true)
  expect(new Set(codes).size).toBeGreaterThan(20)
  const decoded = tokenizer.decode(codes)
  expect(decoded.length).toBe(patches.length)
  expect(decoded.every(Number.isFinite)).toBe(true)
})

test('a patch has the same codes alone as among others, across the seams of batches', () => {
  const codes = tokenizer.encode(patches)
  for (const n of [0, 7, 2047, 2048, 2099]) {
    expect([...tokenizer.encode(patches.slice(n * P, (n + 1) * P))]).toEqual([...codes.subarray(2 * n, 2 * n + 2)])
  }
})

test('a patch decodes the same alone as among others, and from its first token alone to something coarser', () => {
  const codes = tokenizer.encode(patches.subarray(0, 9 * P))
  const decoded = tokenizer.decode(codes)
  expect(tokenizer.decode(codes.slice(8, 10))).toEqual(decoded.slice(4 * P, 5 * P))
  const other = codes.map((code, i) => (i % 2 === 0 ? code : (code + 1) % 256))
  expect(tokenizer.decode(other, 1)).toEqual(tokenizer.decode(codes, 1))
  expect(tokenizer.decode(other)).not.toEqual(decoded)
})

test('standardised patches have mean 0 and deviation 1 in each channel', () => {
  const x = tokenizer.standardise(patches)
  for (let c = 0; c < 3; c++) {
    const channel = x.filter((_, i) => i % 3 === c)
    const mean = channel.reduce((a, b) => a + b, 0) / channel.length
    expect(mean).toBeCloseTo(0, 4)
    expect(Math.sqrt(channel.reduce((a, b) => a + (b - mean) ** 2, 0) / channel.length)).toBeCloseTo(1, 3)
  }
})

test('patches that never change are standardised to zeros, not to infinity', () => {
  const flat = new FsqTokenizer(small).initialise(new Rng(1))
  flat.measure(new Float32Array(2 * P).fill(0.25))
  expect(flat.standardise(new Float32Array(P).fill(0.25))).toEqual(new Float32Array(P))
})

test('no patches are no codes, and lengths and values that do not fit are refused', () => {
  expect(tokenizer.encode(new Float32Array(0)).length).toBe(0)
  expect(tokenizer.decode(new Int32Array(0)).length).toBe(0)
  expect(() => tokenizer.encode(new Float32Array(13))).toThrow('encode: patches must be rows of 12 values, got 13')
  expect(() => tokenizer.decode(new Int32Array(3))).toThrow('decode: codes must be rows of 2 values, got 3')
  expect(() => tokenizer.encode(new Float32Array(12).fill(NaN))).toThrow('finite numbers, got NaN at 0')
  expect(() => tokenizer.decode(Int32Array.of(0, 256))).toThrow('codes must be from 0 to 255, got 256 at 1')
})

test.each([
  [{ kind: 'video' }, 'kind must be "image" or "audio", got "video"'],
  [{ inputDim: 0 }, 'inputDim must be a whole number from 1 to 65536, got 0'],
  [{ inputDim: 2 ** 30 }, 'inputDim must be'],
  [{ channels: 5 }, 'channels must be a divisor of inputDim 12, got 5'],
  [{ hidden: 1.5 }, 'hidden must be'],
  [{ depth: 'deep' }, 'depth must be a whole number from 1 to 64, got "deep"'],
  [{ levels: [] }, 'levels must be 1 to 16 whole numbers from 3 to 256, got []'],
  [{ levels: [4, 2] }, 'levels must be'],
  [{ levels: [256, 256, 4] }, 'levels must be of a product of at most 65536'],
  [{ tokensPerPatch: 1000 }, 'tokensPerPatch must be'],
])('a config with %j is refused', (change, message) => {
  expect(() => parseFsqConfig({ ...small, ...change })).toThrow(message)
})
