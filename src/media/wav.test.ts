import { expect, it } from 'vitest'
import { Rng } from '../util/index.ts'
import { decodeWav, encodeWav } from './wav.ts'

/** A WAV file by hand: chunks of a name and bytes. */
function riff(...chunks: [string, number[] | Uint8Array][]): Uint8Array {
  const body = chunks.flatMap(([name, bytes]) => {
    const padded = bytes.length % 2 ? [...bytes, 0] : [...bytes]
    return [...Buffer.from(name), ...word(bytes.length, 4), ...padded]
  })
  return Uint8Array.from([...Buffer.from('RIFF'), ...word(body.length + 4, 4), ...Buffer.from('WAVE'), ...body])
}

const word = (value: number, bytes: number) => Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255)

function fmt(tag: number, channels: number, bits: number, rate = 8000): [string, number[]] {
  const block = (channels * bits) / 8
  return [
    'fmt ',
    [
      ...word(tag, 2),
      ...word(channels, 2),
      ...word(rate, 4),
      ...word(rate * block, 4),
      ...word(block, 2),
      ...word(bits, 2),
    ],
  ]
}

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

it('reads what it wrote, to half a step of 16 bits', () => {
  const rng = new Rng(2)
  const samples = Float32Array.from({ length: 501 }, () => rng.uniform() * 2 - 1)
  const got = decodeWav(encodeWav({ rate: 22_050, samples }))
  expect([got.rate, got.samples.length]).toEqual([22_050, 501])
  got.samples.forEach((value, i) => expect(Math.abs(value - samples[i])).toBeLessThanOrEqual(1 / 32768))
  const clipped = decodeWav(encodeWav({ rate: 8000, samples: Float32Array.of(-9, 9, Number.NaN) })).samples
  expect([...clipped]).toEqual([-1, 32767 / 32768, 0])
})

it('reads PCM of 8, 16, 24 and 32 bits and float of 32 and 64', () => {
  const wanted = [0, 0.5, -0.5, -1]
  const cases: [number, number, number[] | Uint8Array][] = [
    [1, 8, [128, 192, 64, 0]],
    [1, 16, bytesOf(Int16Array.of(0, 16384, -16384, -32768))],
    [1, 24, [0, 0, 0, 0, 0, 0x40, 0, 0, 0xc0, 0, 0, 0x80]],
    [1, 32, bytesOf(Int32Array.of(0, 2 ** 30, -(2 ** 30), -(2 ** 31)))],
    [3, 32, bytesOf(Float32Array.from(wanted))],
    [3, 64, bytesOf(Float64Array.from(wanted))],
  ]
  for (const [tag, bits, data] of cases) {
    const got = decodeWav(riff(['LIST', [1, 2, 3]], fmt(tag, 1, bits), ['data', data]))
    expect([...got.samples], `${tag}/${bits}`).toEqual(wanted)
  }
})

it('averages channels, and reads the extensible form', () => {
  const [name, plain] = fmt(0xfffe, 2, 16)
  const extended = [
    ...plain,
    ...word(22, 2),
    ...word(16, 2),
    ...word(3, 4),
    ...word(1, 2),
    ...new Array<number>(14).fill(0),
  ]
  const got = decodeWav(riff([name, extended], ['data', bytesOf(Int16Array.of(16384, 0, -16384, -16384))]))
  expect([...got.samples]).toEqual([0.25, -0.5])
})

it('reads a stream whose length was never filled in', () => {
  const bytes = encodeWav({ rate: 8000, samples: Float32Array.of(0.5, -0.5) })
  for (const length of [0xffffffff, 0]) {
    new DataView(bytes.buffer).setUint32(40, length, true)
    expect(decodeWav(bytes).samples.length).toBe(2)
  }
})

it('says what is wrong with a file', () => {
  const good = encodeWav({ rate: 8000, samples: new Float32Array(10).fill(0.1) })
  expect(() => decodeWav(good.subarray(0, 50))).toThrow("chunk 'data' must have 20 bytes, got 6: the file is cut short")
  expect(() => decodeWav(new Uint8Array(0))).toThrow('must begin with RIFF')
  expect(() => decodeWav(riff(fmt(1, 1, 16)))).toThrow('must have a data chunk')
  expect(() => decodeWav(riff(['data', [0, 0]]))).toThrow('must have a fmt chunk before its data')
  expect(() => decodeWav(riff(fmt(1, 1, 16), ['data', []]))).toThrow('at least one sample')
  expect(() => decodeWav(riff(fmt(85, 1, 16), ['data', [0, 0]]))).toThrow('got format 85 of 16 bits')
  expect(() => decodeWav(riff(fmt(1, 0, 16), ['data', [0, 0]]))).toThrow('channels must be 1 to 64, got 0')
  expect(() => decodeWav(riff(fmt(1, 1, 16, 0), ['data', [0, 0]]))).toThrow('rate must be')
  const infinite = riff(fmt(3, 1, 32), ['data', bytesOf(Float32Array.of(0, Number.POSITIVE_INFINITY))])
  expect(() => decodeWav(infinite)).toThrow('finite numbers')
})
