// Sound as rows of numbers: raw samples, or the log-mel spectrum of Gemma 4's front end.
//
// The spectrum: 16 kHz; windows of 320 samples (20 ms, periodic Hann) every 160; magnitude of a 512-point FFT; triangular
// filters on the HTK mel scale from 0 to 8000 Hz, not normalised; ln(mel + 0.001). Windows are semicausal: hop k sees
// samples 160k - 160 up to 160k + 160, with zeros before the start.
// A token of sound is 40 ms: 640 raw samples, or 4 hops of the spectrum side by side.
import { PolluxError } from '../util/index.ts'
import { samplesPerToken, soundRate } from './budget.ts'
import { checkSound } from './check.ts'
import { RealFft } from './fft.ts'
import { resample } from './resample.ts'
import type { Sound } from './types.ts'

export const frameLength = 320
export const hopLength = 160
export const fftLength = 512
export const melFloor = 1e-3
/** Hops of the spectrum in one token of sound. */
export const hopsPerToken = samplesPerToken / hopLength

/** Rows of numbers, one per 40 ms. */
export interface SoundFrames {
  /** [count, dim]. */
  frames: Float32Array
  count: number
  dim: number
}

/** How a model hears. */
export interface SoundFeatures {
  /** 'waveform': 640 raw samples a row; 'log_mel': 4 hops of `mels` values, hop by hop. */
  features: 'waveform' | 'log_mel'
  /** Mel filters, 1 to 512; default 128. */
  mels?: number
}

/** Triangular filters over FFT bins, without their zeros. */
export interface MelFilters {
  mels: number
  /** First bin of each filter, and where its weights begin in `weights`: mels + 1 values, the last one the end. */
  first: Int32Array
  offset: Int32Array
  weights: Float64Array
}

const hertzToMel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700)
const melToHertz = (mel: number): number => 700 * (10 ** (mel / 2595) - 1)

/** Periodic Hann window of one frame. */
export const hann = Float64Array.from(
  { length: frameLength },
  (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / frameLength),
)

const filtersOf = new Map<number, MelFilters>()

/** The filters for `mels`, made once. With many filters the lowest ones may hold no bin; they then give 0. */
export function melFilters(mels: number): MelFilters {
  if (!Number.isSafeInteger(mels) || mels < 1 || mels > 512)
    throw new PolluxError(`melFilters: mels must be a whole number from 1 to 512, got ${mels}`)
  const made = filtersOf.get(mels)
  if (made !== undefined) return made
  const top = hertzToMel(soundRate / 2)
  const edges = Array.from({ length: mels + 2 }, (_, i) => melToHertz((top * i) / (mels + 1)))
  const first = new Int32Array(mels)
  const offset = new Int32Array(mels + 1)
  const weights: number[] = []
  for (let m = 0; m < mels; m++) {
    const [low, centre, high] = edges.slice(m, m + 3)
    for (let bin = 0; bin <= fftLength / 2; bin++) {
      const hertz = (bin * soundRate) / fftLength
      const weight = Math.min((hertz - low) / (centre - low), (high - hertz) / (high - centre))
      if (weight <= 0) continue
      if (weights.length === offset[m]) first[m] = bin
      weights.push(weight)
    }
    offset[m + 1] = weights.length
  }
  const filters = { mels, first, offset, weights: Float64Array.from(weights) }
  filtersOf.set(mels, filters)
  return filters
}

let fft: RealFft | undefined

/** The transform that analysis and synthesis share. */
export function spectrumFft(): RealFft {
  return (fft ??= new RealFft(fftLength))
}

/**
 * The log-mel spectrum [hops, mels] of samples at 16 kHz, as Gemma 4's audio encoder wants it.
 * @param options.mels default 128
 * @param options.hops default what Gemma 4 counts: floor((samples + 160 - 321) / 160) + 1, from 0. More read zeros past the end.
 */
export function logMel(
  samples: Float32Array,
  options: { mels?: number; hops?: number } = {},
): { spectrum: Float32Array; hops: number; mels: number } {
  const { mels = 128 } = options
  const counted = Math.floor((samples.length + hopLength - frameLength - 1) / hopLength) + 1
  const hops = options.hops ?? Math.max(0, counted)
  const filters = melFilters(mels)
  const transform = spectrumFft()
  const frame = new Float64Array(fftLength)
  const re = new Float64Array(transform.bins)
  const im = new Float64Array(transform.bins)
  const magnitude = new Float64Array(transform.bins)
  const spectrum = new Float32Array(hops * mels)
  for (let hop = 0; hop < hops; hop++) {
    const start = (hop - 1) * hopLength
    for (let n = 0; n < frameLength; n++) {
      const at = start + n
      frame[n] = at >= 0 && at < samples.length ? samples[at] * hann[n] : 0
    }
    transform.forward(frame, re, im)
    for (let k = 0; k < magnitude.length; k++) magnitude[k] = Math.sqrt(re[k] * re[k] + im[k] * im[k])
    for (let m = 0; m < mels; m++) {
      let sum = melFloor
      for (let i = filters.offset[m], bin = filters.first[m]; i < filters.offset[m + 1]; i++, bin++)
        sum += filters.weights[i] * magnitude[bin]
      spectrum[hop * mels + m] = Math.log(sum)
    }
  }
  return { spectrum, hops, mels }
}

// Silence is ln(0.001) = -6.91, loud speech about 3: (x + 2) / 2.5 maps them to -1.96 and 2.
const shift = 2
const scale = 2.5

/** A value of `logMel` as `soundFrames` gives it: about -2 for silence, about 2 for loud sound. */
export const normaliseLogMel = (value: number): number => (value + shift) / scale

/** The inverse of `normaliseLogMel`. */
export const restoreLogMel = (value: number): number => value * scale - shift

/**
 * What a model reads of a sound, brought to 16 kHz: one row per 40 ms, ceil(samples / 640) rows; the end is padded with zeros.
 * `waveform`: the samples [N, 640] as they are. `log_mel`: [N, 4 * mels], normalised.
 */
export function soundFrames(sound: Sound, options: SoundFeatures): SoundFrames {
  checkSound('soundFrames', sound)
  const { samples } = resample(sound, soundRate)
  const count = Math.ceil(samples.length / samplesPerToken)
  if (options.features === 'waveform') {
    const frames = new Float32Array(count * samplesPerToken)
    frames.set(samples)
    return { frames, count, dim: samplesPerToken }
  }
  if (options.features !== 'log_mel')
    throw new PolluxError(`soundFrames: features must be 'waveform' or 'log_mel', got '${String(options.features)}'`)
  const { spectrum, mels } = logMel(samples, { mels: options.mels, hops: count * hopsPerToken })
  return { frames: spectrum.map(normaliseLogMel), count, dim: hopsPerToken * mels }
}
