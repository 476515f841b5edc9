// Sound at another rate, by band-limited interpolation (Smith & Gossett 1984): every output sample is a sum of input samples
// weighted with a sinc under a Kaiser window.
//
// The filter's cut-off lies below half of the lower rate, so that nothing folds back when the rate falls: up to 0.45 of the lower rate
// passes (ripple below 0.01 dB), from 0.5 on it is 80 dB down. Rates in a small ratio need few different rows of weights (44100 to 16000 has
// 160); these are made once. Other ratios make each row anew.
import { PolluxError } from '../util/index.ts'
import { checkSound } from './check.ts'
import type { Sound } from './types.ts'

/** Zero crossings of the sinc on each side, in samples of the lower rate. */
const crossings = 48
/** 80 dB (Kaiser 1974). */
const beta = 7.857
const cutOff = 0.948
/** Rows of weights that are kept, in values. */
const keptWeights = 2 ** 21

/**
 * The sound at `rate` Hz: ceil(samples * rate / sound.rate) samples; beyond its ends it is taken as silent.
 * At its own rate the samples are shared, not copied.
 */
export function resample(sound: Sound, rate: number): Sound {
  checkSound('resample', sound)
  checkSound('resample', { rate, samples: sound.samples })
  if (rate === sound.rate) return sound
  const { samples } = sound
  const divisor = gcd(rate, sound.rate)
  const [up, down] = [rate / divisor, sound.rate / divisor]
  const count = Math.ceil((samples.length * up) / down)
  if (count > 2 ** 31) throw new PolluxError(`resample: a sound must have at most 2^31 samples, got ${count}`)
  const out = new Float32Array(count)
  const filter = new Filter(up, down)
  for (let n = 0; n < count; n++) {
    const place = n * down
    const phase = place % up
    const weights = filter.row(phase)
    const first = (place - phase) / up - filter.reach + 1
    const from = Math.max(0, -first)
    const to = Math.min(weights.length, samples.length - first)
    let sum = 0
    for (let i = from; i < to; i++) sum += weights[i] * samples[first + i]
    out[n] = sum
  }
  return { rate, samples: out }
}

/** Weights of the input samples around an output sample that lies phase / up after an input sample. */
class Filter {
  /** Input samples on each side. */
  readonly reach: number
  readonly #up: number
  readonly #band: number
  readonly #rows = new Map<number, Float64Array>()

  constructor(up: number, down: number) {
    this.#up = up
    // 1 when the rate rises; the filter grows wide and narrow-banded as it falls
    this.#band = Math.min(1, up / down)
    this.reach = Math.ceil(crossings / this.#band)
  }

  row(phase: number): Float64Array {
    const kept = this.#rows.get(phase)
    if (kept !== undefined) return kept
    const weights = new Float64Array(2 * this.reach)
    let sum = 0
    for (let i = 0; i < weights.length; i++) {
      const distance = (i - this.reach + 1 - phase / this.#up) * this.#band
      weights[i] = sinc(distance * cutOff) * kaiser(distance / crossings)
      sum += weights[i]
    }
    // a constant stays the same constant in every phase
    for (let i = 0; i < weights.length; i++) weights[i] /= sum
    if ((this.#rows.size + 1) * weights.length <= keptWeights) this.#rows.set(phase, weights)
    return weights
  }
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

/** Kaiser window over [-1, 1]; 0 outside. */
function kaiser(x: number): number {
  return Math.abs(x) >= 1 ? 0 : bessel(beta * Math.sqrt(1 - x * x))
}

/** Modified Bessel function of the first kind, order 0, by its series. */
function bessel(x: number): number {
  let sum = 1
  for (let term = 1, k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
