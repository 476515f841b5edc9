// Sound from formulas: notes as sums of harmonics, syllables as a source through resonators (Klatt 1980, in its plainest form).
import { soundRate, type Sound } from '../../media/index.ts'
import type { Rng } from '../../util/index.ts'

/** Samples of this many seconds. */
export const samplesOf = (seconds: number): number => Math.round(seconds * soundRate)

export interface Note {
  hertz: number
  seconds: number
  /** Strength of each harmonic, the fundamental first. */
  harmonics: readonly number[]
  loudness: number
  /** Of the fundamental, radians. */
  phase: number
  /** The pitch glides to this by the end. Default: it stays. */
  toHertz?: number
}

/** Adds a note to samples from `start` on, with edges of 10 ms. */
export function addNote(samples: Float32Array, start: number, note: Note): void {
  const { hertz, seconds, harmonics, loudness, phase, toHertz = hertz } = note
  const n = Math.min(samplesOf(seconds), samples.length - start)
  const edge = samplesOf(0.01)
  let angle = phase
  for (let i = 0; i < n; i++) {
    angle += (2 * Math.PI * (hertz + ((toHertz - hertz) * i) / n)) / soundRate
    const gate = Math.min(1, (i + 1) / edge, (n - i) / edge)
    let value = 0
    for (let h = 0; h < harmonics.length; h++) value += harmonics[h] * Math.sin((h + 1) * angle)
    samples[start + i] += loudness * gate * value
  }
}

/** A stretch of a syllable: formants glide from one set to the next. */
export interface Segment {
  /** Share of the syllable's time. */
  share: number
  /** Middle frequencies of the resonators, Hz, at its start and end. */
  from: readonly number[]
  to: readonly number[]
  /** Strength of voice and of hiss. */
  voice: number
  hiss: number
}

export interface Voice {
  /** Pitch, Hz. */
  pitch: number
  loudness: number
  /** Factor on all formants: size of the speaker. */
  size: number
}

/** Adds a syllable of `n` samples. */
export function addSyllable(
  samples: Float32Array,
  start: number,
  n: number,
  { segments, voice, rng }: { segments: readonly Segment[]; voice: Voice; rng: Rng },
): void {
  let [at, phase] = [0, 0]
  const edge = samplesOf(0.012)
  for (const segment of segments) {
    const length = Math.min(Math.round(n * segment.share), n - at)
    const filters = segment.from.map(() => new Resonator())
    for (let i = 0; i < length; i++) {
      if (i % 32 === 0) {
        const t = i / Math.max(1, length)
        filters.forEach((filter, k) => {
          filter.tune((segment.from[k] * (1 - t) + segment.to[k] * t) * voice.size, 60 + 40 * k)
        })
      }
      phase += voice.pitch / soundRate
      // a pulse a period, with its mean taken away
      const pulse = phase >= 1 ? 1 : 0
      phase -= Math.floor(phase)
      const source = segment.voice * (pulse * 6 - 0.05) + segment.hiss * (rng.uniform() - 0.5)
      let out = 0
      for (const filter of filters) out += filter.next(source)
      const place = at + i
      const gate = Math.min(1, (place + 1) / edge, (n - place) / edge)
      samples[start + place] += voice.loudness * gate * out
    }
    at += length
  }
}

/** Two-pole resonator with a gain of about 1 at its middle. */
class Resonator {
  #a = 0
  #b = 0
  #c = 0
  #y1 = 0
  #y2 = 0

  tune(hertz: number, bandwidth: number): void {
    const r = Math.exp((-Math.PI * bandwidth) / soundRate)
    this.#b = 2 * r * Math.cos((2 * Math.PI * hertz) / soundRate)
    this.#c = -r * r
    this.#a = (1 - r) * 4
  }

  next(x: number): number {
    const y = this.#a * x + this.#b * this.#y1 + this.#c * this.#y2
    this.#y2 = this.#y1
    this.#y1 = y
    return y
  }
}

/** Adds white noise of this level. */
export function addNoise(samples: Float32Array, level: number, rng: Rng): void {
  if (level === 0) return
  // one draw gives two values: noise need not be finer
  for (let i = 0; i < samples.length; i += 2) {
    const bits = rng.uint32()
    samples[i] += level * ((bits & 0xffff) / 32768 - 1)
    if (i + 1 < samples.length) samples[i + 1] += level * ((bits >>> 16) / 32768 - 1)
  }
}

/** Brings the loudest sample to `peak` at most, and holds everything within [-1, 1]. */
export function limited(samples: Float32Array, peak = 0.9): Sound {
  let most = 0
  for (const value of samples) most = Math.max(most, Math.abs(value))
  if (most > peak) for (let i = 0; i < samples.length; i++) samples[i] *= peak / most
  return { rate: soundRate, samples }
}
