// The files are fixtures/tone.*: 0.3 s of 0.5 sin(2 pi 440 t); fixtures/make.sh made them.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { resample } from './resample.ts'
import { readSound } from './sound.ts'
import { encodeWav } from './wav.ts'

const file = (name: string) => new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)))
const wave = (hertz: number, rate: number, count: number) =>
  Float32Array.from({ length: count }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hertz * n) / rate))

/** Power of the signal over that of the difference, in dB, a tenth left out at each end. */
function ratio(got: Float32Array, wanted: Float32Array): number {
  let [signal, noise] = [0, 0]
  const edge = Math.floor(wanted.length / 10)
  for (let i = edge; i < wanted.length - edge; i++) {
    signal += wanted[i] ** 2
    noise += (got[i] - wanted[i]) ** 2
  }
  return 10 * Math.log10(signal / noise)
}

/** Best ratio to a 440 Hz wave of amplitude 0.5 of any phase: the rest is noise or another tone. */
function toneRatio({ rate, samples }: { rate: number; samples: Float32Array }): number {
  const part = samples.subarray(samples.length >> 2, samples.length - (samples.length >> 2))
  let [re, im] = [0, 0]
  part.forEach((x, n) => {
    re += x * Math.cos((2 * Math.PI * 440 * n) / rate)
    im += x * Math.sin((2 * Math.PI * 440 * n) / rate)
  })
  const phase = Math.atan2(re, im)
  return ratio(
    part,
    part.map((_, n) => 0.5 * Math.sin((2 * Math.PI * 440 * n) / rate + phase)),
  )
}

it.each([
  ['tone.mp3', 16_000, 15],
  ['tone.ogg', 16_000, 20],
  ['tone.opus', 48_000, 20],
  ['tone.m4a', 16_000, 10],
  ['tone.flac', 8000, 55],
])('decodes %s', async (name, rate, least) => {
  const sound = await readSound(file(name))
  expect(sound.rate).toBe(rate)
  expect(Math.abs(sound.samples.length / rate - 0.3)).toBeLessThan(0.08)
  expect(toneRatio(sound)).toBeGreaterThan(least)
})

it('decodes a part of a larger array, and many files at once', async () => {
  const bytes = file('tone.flac')
  const larger = new Uint8Array(bytes.length + 200).fill(7)
  larger.set(bytes, 100)
  const [alone, ...others] = await Promise.all([
    readSound(bytes),
    readSound(larger.subarray(100, 100 + bytes.length)),
    ...['tone.mp3', 'tone.opus', 'tone.mp3'].map((name) => readSound(file(name))),
  ])
  expect(others[0]).toEqual(alone)
  expect(others[1]).toEqual(others[3])
})

it('sees damage that a FLAC decoder fills with silence', async () => {
  const bytes = file('tone.flac')
  bytes[bytes.length - 40] ^= 16
  await expect(readSound(bytes)).rejects.toThrow('the file is damaged')
})

it('sees a damaged page and a missing end of Ogg, and missing frames of MP3', async () => {
  const damaged = file('tone.opus')
  damaged[600] ^= 1
  await expect(readSound(damaged)).rejects.toThrow('must match its checksum')
  const ogg = Buffer.from(file('tone.ogg'))
  const last = ogg.lastIndexOf('OggS')
  await expect(readSound(new Uint8Array(ogg.subarray(0, last)))).rejects.toThrow('the last page must end the stream')
  const mp3 = file('tone.mp3')
  await expect(readSound(mp3.subarray(0, mp3.length - 10))).rejects.toThrow('the file is cut short')
  // 144 bytes a frame of 32 kbit/s at 16 kHz
  await expect(readSound(mp3.subarray(0, mp3.length - 144))).rejects.toThrow('frames, got')
})

it('refuses sound over the limit before it is all in memory', async () => {
  await expect(readSound(file('tone.mp3'), { maxSeconds: 0.1 })).rejects.toThrow('at most 0.1 s long')
  const wav = encodeWav({ rate: 8000, samples: new Float32Array(8000) })
  await expect(readSound(wav, { maxSeconds: 0.5 })).rejects.toThrow('must be at most 0.5 s long, got 1.0 s')
  await expect(readSound(new Uint8Array(0))).rejects.toThrow('got an empty file')
})

it.each([
  [44_100, 16_000],
  [48_000, 16_000],
  [8000, 16_000],
  [22_050, 16_000],
  [16_000, 44_100],
  [11_025, 16_001],
])('resamples a sine from %i to %i Hz', (from, to) => {
  for (const hertz of [100, 1000, 3400]) {
    const { rate, samples } = resample({ rate: from, samples: wave(hertz, from, from / 2) }, to)
    expect([rate, samples.length]).toEqual([to, Math.ceil((Math.floor(from / 2) * to) / from)])
    expect(ratio(samples, wave(hertz, to, samples.length)), `${hertz} Hz`).toBeGreaterThan(75)
  }
})

it('lets no tone fold back that the lower rate cannot hold', () => {
  for (const hertz of [8000, 9000, 12_000, 20_000]) {
    const { samples } = resample({ rate: 44_100, samples: wave(hertz, 44_100, 44_100) }, 16_000)
    const middle = samples.subarray(1000, 15_000)
    const power = middle.reduce((sum, x) => sum + x * x, 0) / middle.length
    // 70 dB under the 0.125 that went in
    expect(10 * Math.log10(power / 0.125), `${hertz} Hz`).toBeLessThan(-70)
  }
})

it('keeps a constant constant, nothing nothing, and its own rate as it is', () => {
  const { samples } = resample({ rate: 44_100, samples: new Float32Array(4410).fill(0.25) }, 16_000)
  samples.subarray(200, 1400).forEach((x) => expect(Math.abs(x - 0.25)).toBeLessThan(1e-6))
  expect(resample({ rate: 8000, samples: new Float32Array(0) }, 16_000).samples.length).toBe(0)
  const same = { rate: 8000, samples: Float32Array.of(1, 2) }
  expect(resample(same, 8000)).toBe(same)
  expect(() => resample(same, 0)).toThrow('from 1 to 1000000, got 0')
})
