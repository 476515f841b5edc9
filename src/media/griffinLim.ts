// Making a log-mel spectrum audible: from the frames of soundFrames back to a waveform.
//
// Two things were lost. The mel filters summed neighbouring FFT bins: the bins are found again by non-negative least
// squares with multiplicative updates (Lee & Seung 2001), which never leave the valid range and need no inverse. And the
// phase was dropped: Griffin & Lim (1984) find one by going back and forth, taking the phase of the waveform that the current
// guess gives and keeping the wanted magnitudes, here with momentum (Perraudin et al. 2013). The first guess lets every
// bin run on at its own frequency from hop to hop, so that steady tones are steady from the start.
import { PolluxError } from '../util/index.ts'
import { soundRate } from './budget.ts'
import {
  fftLength,
  frameLength,
  hann,
  hopLength,
  hopsPerToken,
  melFilters,
  melFloor,
  restoreLogMel,
  spectrumFft,
} from './spectrum.ts'
import type { Sound } from './types.ts'

const bins = fftLength / 2 + 1
const momentum = 0.99

/** Settings of `invertLogMel`. */
export interface InvertOptions {
  /** Mel filters that the frames were made with; default 128. */
  mels?: number
  /** Rounds of Griffin-Lim; default 60. */
  iterations?: number
}

/**
 * The sound of log-mel frames.
 * @param frames [N, 4 * mels] as `soundFrames` gives them with 'log_mel'; values that are not finite count as silence
 * @returns N * 640 samples at 16 kHz, within [-1, 1]
 */
export function invertLogMel(frames: Float32Array, options: InvertOptions = {}): Sound {
  const { mels = 128, iterations = 60 } = options
  const dim = hopsPerToken * mels
  if (frames.length % dim !== 0)
    throw new PolluxError(
      `invertLogMel: frames must be rows of ${dim} values (4 hops of ${mels} mels), got ${frames.length} values`,
    )
  if (!Number.isSafeInteger(iterations) || iterations < 0)
    throw new PolluxError(`invertLogMel: iterations must be a whole number from 0, got ${iterations}`)
  const hops = frames.length / mels
  const magnitudes = new Float64Array(hops * bins)
  for (let hop = 0; hop < hops; hop++)
    magnitudes.set(unmel(frames.subarray(hop * mels, (hop + 1) * mels), mels), hop * bins)
  const samples = phaseSearch(magnitudes, hops, iterations)
  return { rate: soundRate, samples: Float32Array.from(samples, (x) => Math.max(-1, Math.min(1, x))) }
}

/** Magnitudes [bins] >= 0 whose mel sums are nearest to one hop of a normalised log-mel spectrum. */
function unmel(values: Float32Array, mels: number): Float64Array {
  const { first, offset, weights } = melFilters(mels)
  const wanted = Float64Array.from(values, (value) => {
    // e^12 is far above what samples in [-1, 1] can give
    const mel = Math.exp(Math.min(12, restoreLogMel(value))) - melFloor
    return mel > 0 ? mel : 0
  })
  const spread = (from: Float64Array): Float64Array => {
    const out = new Float64Array(bins)
    for (let m = 0; m < mels; m++)
      for (let i = offset[m], bin = first[m]; i < offset[m + 1]; i++, bin++) out[bin] += weights[i] * from[m]
    return out
  }
  const target = spread(wanted)
  const guess = target.slice()
  const sums = new Float64Array(mels)
  for (let round = 0; round < 50; round++) {
    for (let m = 0; m < mels; m++) {
      sums[m] = 0
      for (let i = offset[m], bin = first[m]; i < offset[m + 1]; i++, bin++) sums[m] += weights[i] * guess[bin]
    }
    const now = spread(sums)
    for (let k = 0; k < bins; k++) guess[k] *= now[k] > 0 ? target[k] / now[k] : 0
  }
  return guess
}

/** Samples [hops * 160] whose windowed spectra come near to magnitudes [hops, bins]. */
function phaseSearch(magnitudes: Float64Array, hops: number, iterations: number): Float64Array {
  const fft = spectrumFft()
  // the phase guess, as complex numbers of any length but 0
  const re = new Float64Array(hops * bins)
  const im = new Float64Array(hops * bins)
  startPhases(magnitudes, hops, re, im)
  const lastRe = new Float64Array(hops * bins)
  const lastIm = new Float64Array(hops * bins)
  const frame = new Float64Array(fftLength)
  const samples = new Float64Array((hops + 1) * hopLength)
  const norm = overlap(hops)
  const [frameRe, frameIm] = [new Float64Array(bins), new Float64Array(bins)]
  for (let round = 0; ; round++) {
    samples.fill(0)
    for (let hop = 0; hop < hops; hop++) {
      for (let k = 0; k < bins; k++) {
        const at = hop * bins + k
        const length = Math.hypot(re[at], im[at])
        frameRe[k] = length > 0 ? (magnitudes[at] * re[at]) / length : magnitudes[at]
        frameIm[k] = length > 0 ? (magnitudes[at] * im[at]) / length : 0
      }
      fft.inverse(frameRe, frameIm, frame)
      for (let n = 0; n < frameLength; n++) samples[hop * hopLength + n] += frame[n] * hann[n]
    }
    for (let i = 0; i < samples.length; i++) samples[i] /= norm[i]
    // the first hop is the padding before the sound
    if (round === iterations) return samples.subarray(hopLength)
    for (let hop = 0; hop < hops; hop++) {
      frame.fill(0)
      for (let n = 0; n < frameLength; n++) frame[n] = samples[hop * hopLength + n] * hann[n]
      fft.forward(frame, frameRe, frameIm)
      for (let k = 0; k < bins; k++) {
        const at = hop * bins + k
        re[at] = frameRe[k] + momentum * (frameRe[k] - lastRe[at])
        im[at] = frameIm[k] + momentum * (frameIm[k] - lastIm[at])
        lastRe[at] = frameRe[k]
        lastIm[at] = frameIm[k]
      }
    }
  }
}

/** Sum of squared windows over each sample; never below a small number, where only the edge of one window reaches. */
function overlap(hops: number): Float64Array {
  const norm = new Float64Array((hops + 1) * hopLength)
  for (let hop = 0; hop < hops; hop++)
    for (let n = 0; n < frameLength; n++) norm[hop * hopLength + n] += hann[n] * hann[n]
  return norm.map((value) => Math.max(value, 0.1))
}

/**
 * Phases to start from: around every peak of a hop, all bins turn with the frequency of the peak (a parabola through three
 * log magnitudes places it between bins), so that windows of a steady tone join (Beauregard et al. 2015).
 */
function startPhases(magnitudes: Float64Array, hops: number, re: Float64Array, im: Float64Array): void {
  const phase = new Float64Array(bins)
  for (let hop = 0; hop < hops; hop++) {
    const row = magnitudes.subarray(hop * bins, (hop + 1) * bins)
    for (let k = 0, from = 0; k < bins; k++) {
      const isValley = k === bins - 1 || (k > from && row[k] < row[k - 1] && row[k] <= row[k + 1])
      if (!isValley) continue
      let peak = from
      for (let i = from; i <= k; i++) if (row[i] > row[peak]) peak = i
      const turn = (2 * Math.PI * (peak + between(row, peak)) * hopLength) / fftLength
      const start = phase[peak]
      // within one lobe of a window that begins at 0, neighbouring bins differ by its delay
      for (let i = from; i <= k; i++) phase[i] = start + turn - (Math.PI * (i - peak) * frameLength) / fftLength
      from = k + 1
    }
    for (let k = 0; k < bins; k++) {
      re[hop * bins + k] = Math.cos(phase[k])
      im[hop * bins + k] = Math.sin(phase[k])
    }
  }
}

/** Where the top of the parabola through a peak and its neighbours lies, in bins from the peak: within [-0.5, 0.5]. */
function between(row: Float64Array, peak: number): number {
  if (peak === 0 || peak === row.length - 1 || row[peak] === 0) return 0
  const [a, b, c] = [row[peak - 1], row[peak], row[peak + 1]].map((value) => Math.log(value + 1e-9))
  const bend = a - 2 * b + c
  return bend < 0 ? Math.max(-0.5, Math.min(0.5, (a - c) / (2 * bend))) : 0
}
