// Sounds made of nothing: tones with harmonics, and a voice of pulses and noise.
//
// The voice is the source-filter model (Fant 1960): a pulse train (the glottis) or noise (a narrow place in the mouth) goes
// through resonators, one per formant, each a filter of two poles (Klatt 1980). Vowels are formants that stand still,
// diphthongs are formants that move. Coefficients change every 5 ms, so a sample costs a few multiplications.
import { soundRate } from '../../media/index.ts'
import type { Rng } from '../../util/index.ts'

/** Samples of so many milliseconds at 16 kHz. */
export const ms = (count: number): number => Math.round((count * soundRate) / 1000)

/** A tone to add to a sound. */
export interface Tone {
  /** First sample. */
  start: number
  /** Samples. */
  length: number
  /** Hz at the start. */
  frequency: number
  /** Hz at the end, reached along a geometric path; default: the same. */
  to?: number
  /** Peak never exceeds it. */
  level: number
  /** Amplitudes of the fundamental and what lies above, of any scale; default: a sine. */
  harmonics?: readonly number[]
  /** Phase of the fundamental in radians, default 0. */
  phase?: number
  /** Samples over which it fades in and out as a raised cosine; default 10 ms. */
  edge?: number
}

/** Adds a tone to the samples; what lies past the end is cut. */
export function addTone(samples: Float32Array, tone: Tone): void {
  const { start, length, frequency, to = frequency, level, harmonics = [1], edge = ms(10) } = tone
  const scale = level / harmonics.reduce((sum, amplitude) => sum + amplitude, 0)
  const growth = (to / frequency) ** (1 / length)
  let phase = tone.phase ?? 0
  let step = (2 * Math.PI * frequency) / soundRate
  for (let i = 0; i < length && start + i < samples.length; i++) {
    let sum = 0
    for (let h = 0; h < harmonics.length; h++) sum += harmonics[h] * Math.sin((h + 1) * phase)
    samples[start + i] += scale * fade(i, length, edge) * sum
    phase += step
    step *= growth
  }
}

/** Factor of a sample `i` of `length`: rises to 1 over the first `edge` samples and falls over the last. */
function fade(i: number, length: number, edge: number): number {
  const from = Math.min(i, length - 1 - i) + 0.5
  return from < edge ? 0.5 - 0.5 * Math.cos((Math.PI * from) / edge) : 1
}

/** Adds white noise, uniform in [-level, level). */
export function addNoise(samples: Float32Array, level: number, rng: Rng): void {
  const next = whiteNoise(rng)
  for (let i = 0; i < samples.length; i++) samples[i] += level * next()
}

/** Uniform noise in [-1, 1), faster than asking `rng` for every sample: a linear congruential generator that it seeds. */
function whiteNoise(rng: Rng): () => number {
  let state = rng.uint32()
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state / 2 ** 31
  }
}

/** Loudest sample, as a distance from 0. */
export function peakOf(samples: Float32Array): number {
  let peak = 0
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample))
  return peak
}

/** Three resonances in Hz. */
export type Formants = readonly [number, number, number]

/** A piece of an utterance. */
export interface Segment {
  /** 'voice': pulses through all three formants; 'noise': noise around the first of them. */
  source: 'voice' | 'noise' | 'silence'
  /** Part of the utterance's length. */
  share: number
  /** Root mean square, against that of the other segments. */
  level: number
  from: Formants
  /** Where the formants are at the end; default: where they began. */
  to?: Formants
}

/** Who speaks. */
export interface Voice {
  /** Hz. */
  pitch: number
  /** Factor of the pitch at the end of the utterance; 1: monotonous. */
  fall: number
  /** Factor of all formants: above 1 for a shorter vocal tract. */
  tract: number
}

/** Neighbouring segments fade into each other over so long. */
const crossfade = ms(10)
const block = ms(5)
const bandwidths: Formants = [90, 120, 180]
const noiseBandwidth = 900

/** Samples [length] of an utterance, whose loudest one is at distance 1 from 0. */
export function utter(segments: readonly Segment[], voice: Voice, length: number, rng: Rng): Float32Array {
  const samples = new Float32Array(length)
  const total = segments.reduce((sum, { share }) => sum + share, 0)
  let done = 0
  for (const segment of segments) {
    const start = Math.max(0, Math.round((length * done) / total) - crossfade / 2)
    done += segment.share
    const end = Math.min(length, Math.round((length * done) / total) + crossfade / 2)
    if (segment.source === 'silence') continue
    const pitch = voice.pitch * voice.fall ** (start / length)
    const piece = articulate(segment, { ...voice, pitch }, end - start, rng)
    let squares = 0
    for (const sample of piece) squares += sample * sample
    const scale = segment.level / Math.sqrt(squares / piece.length + 1e-20)
    for (let i = 0; i < piece.length; i++) samples[start + i] += scale * fade(i, piece.length, crossfade) * piece[i]
  }
  const peak = peakOf(samples)
  return peak > 0 ? samples.map((sample) => sample / peak) : samples
}

/** One segment, of any loudness. */
function articulate(segment: Segment, voice: Voice, length: number, rng: Rng): Float32Array {
  const { source, from, to = from } = segment
  const next = source === 'noise' ? whiteNoise(rng) : glottis(voice)
  const resonators = source === 'noise' ? [new Resonator()] : [new Resonator(), new Resonator(), new Resonator()]
  const out = new Float32Array(length)
  for (let start = 0; start < length; start += block) {
    const along = start / length
    for (const [i, resonator] of resonators.entries())
      resonator.tune(
        (from[i] + (to[i] - from[i]) * along) * voice.tract,
        source === 'noise' ? noiseBandwidth : bandwidths[i],
      )
    for (let i = start; i < Math.min(length, start + block); i++) {
      let sample = next()
      for (const resonator of resonators) sample = resonator.filter(sample)
      out[i] = sample
    }
  }
  return out
}

/** Pulses, smoothed so that they lose 6 dB an octave: what leaves the lips of a throat without a mouth. */
function glottis({ pitch, fall }: Voice): () => number {
  let phase = 1
  let step = pitch / soundRate
  const growth = fall ** (1 / ms(240))
  let level = 0
  return () => {
    level *= 0.9
    if (phase >= 1) {
      phase -= 1
      level += 1
    }
    phase += step
    step *= growth
    return level
  }
}

/** A filter of two poles, with gain 1 at 0 Hz. */
class Resonator {
  #a = 1
  #b = 0
  #c = 0
  #last = 0
  #before = 0

  /** Hz both; `frequency` below half the rate. */
  tune(frequency: number, bandwidth: number): void {
    const radius = Math.exp((-Math.PI * bandwidth) / soundRate)
    this.#c = -radius * radius
    this.#b = 2 * radius * Math.cos((2 * Math.PI * frequency) / soundRate)
    this.#a = 1 - this.#b - this.#c
  }

  filter(sample: number): number {
    const out = this.#a * sample + this.#b * this.#last + this.#c * this.#before
    this.#before = this.#last
    this.#last = out
    return out
  }
}
