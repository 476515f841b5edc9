import { expect, it } from 'vitest'
import { Rng } from '../util/index.ts'
import { RealFft } from './fft.ts'
import { invertLogMel } from './griffinLim.ts'
import { logMel, normaliseLogMel, restoreLogMel, soundFrames } from './spectrum.ts'

const rate = 16_000
const tone = (hertz: number, seconds: number, at = rate) => ({
  rate: at,
  samples: Float32Array.from({ length: at * seconds }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hertz * n) / at)),
})

/** Frequency of the strongest bin over the middle of a sound. */
function peakOf(samples: Float32Array): number {
  const fft = new RealFft(8192)
  const from = (samples.length - 8192) >> 1
  const window = (n: number) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / 8192)
  const x = Float64Array.from({ length: 8192 }, (_, n) => samples[from + n] * window(n))
  const [re, im] = [new Float64Array(4097), new Float64Array(4097)]
  fft.forward(x, re, im)
  const power = re.map((value, k) => value * value + im[k] * im[k])
  return (power.indexOf(Math.max(...power)) * rate) / 8192
}

it('transforms as the definition says, and back', () => {
  const rng = new Rng(5)
  for (const size of [4, 8, 64]) {
    const x = Float64Array.from({ length: size }, () => rng.normal())
    const [re, im] = [new Float64Array(size / 2 + 1), new Float64Array(size / 2 + 1)]
    const fft = new RealFft(size)
    fft.forward(x, re, im)
    for (let k = 0; k <= size / 2; k++) {
      const sum = (f: (angle: number) => number) => x.reduce((s, v, n) => s + v * f((2 * Math.PI * k * n) / size), 0)
      expect(re[k]).toBeCloseTo(sum(Math.cos), 10)
      expect(im[k]).toBeCloseTo(-sum(Math.sin), 10)
    }
    const back = new Float64Array(size)
    fft.inverse(re, im, back)
    back.forEach((value, n) => expect(value).toBeCloseTo(x[n], 12))
  }
  expect(() => new RealFft(12)).toThrow('power of two from 4, got 12')
})

it('cuts raw samples into rows of 640 and pads the last with zeros', () => {
  const samples = Float32Array.from({ length: 1300 }, (_, n) => (n + 1) / 2000)
  const { frames, count, dim } = soundFrames({ rate, samples }, { features: 'waveform' })
  expect([count, dim, frames.length]).toEqual([3, 640, 1920])
  expect(frames.subarray(0, 1300)).toEqual(samples)
  expect(frames.subarray(1300).every((value) => value === 0)).toBe(true)
})

it('lays four hops of the spectrum into a row, in order of time', () => {
  const sound = tone(700, 0.1)
  const { frames, count, dim } = soundFrames(sound, { features: 'log_mel', mels: 20 })
  const { spectrum } = logMel(sound.samples, { mels: 20, hops: 12 })
  expect([count, dim]).toEqual([3, 80])
  frames.forEach((value, i) => expect(restoreLogMel(value)).toBeCloseTo(spectrum[i], 4))
})

it('brings silence and loud sound to about -2 and 2', () => {
  const rng = new Rng(1)
  const noise = Float32Array.from({ length: rate }, () => Math.max(-1, Math.min(1, 0.3 * rng.normal())))
  const { frames } = soundFrames({ rate, samples: noise }, { features: 'log_mel' })
  const quiet = soundFrames({ rate, samples: new Float32Array(640) }, { features: 'log_mel' }).frames
  expect(quiet[0]).toBeCloseTo(normaliseLogMel(Math.log(1e-3)), 5)
  expect(quiet[0]).toBeCloseTo(-1.963, 3)
  expect(Math.max(...frames)).toBeLessThan(2.7)
  expect(Math.max(...frames)).toBeGreaterThan(1)
})

it.each([64, 128])('makes a tone audible again from %i mel filters', (mels) => {
  const sound = tone(440, 1)
  const { frames } = soundFrames(sound, { features: 'log_mel', mels })
  const back = invertLogMel(frames, { mels, iterations: 30 })
  expect(back.samples.length).toBe(rate)
  expect(Math.abs(peakOf(back.samples) - 440) / 440).toBeLessThan(0.01)
  const loudness = Math.sqrt(back.samples.reduce((sum, x) => sum + x * x, 0) / rate)
  expect(loudness).toBeGreaterThan(0.3)
  expect(loudness).toBeLessThan(0.4)
})

it('makes silence of silence, nothing of nothing, and sound of anything', () => {
  const quiet = soundFrames({ rate, samples: new Float32Array(1280) }, { features: 'log_mel', mels: 16 }).frames
  expect(Math.max(...invertLogMel(quiet, { mels: 16 }).samples.map(Math.abs))).toBeLessThan(1e-4)
  expect(invertLogMel(new Float32Array(0)).samples.length).toBe(0)
  const wild = Float32Array.from({ length: 128 }, (_, i) => [Number.NaN, 1e30, -1e30, 3][i % 4])
  expect(invertLogMel(wild, { mels: 16 }).samples.every((x) => Math.abs(x) <= 1)).toBe(true)
  expect(() => invertLogMel(new Float32Array(100), { mels: 16 })).toThrow('rows of 64 values')
})
