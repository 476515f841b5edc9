// A small voice for the ten digits: source-filter synthesis, the way a mouth makes vowels.
//
// A train of glottal pulses (the derivative of the flow of Rosenberg 1971) goes through three resonators in a row, the
// formants of a vowel; noise goes through one resonator, the hiss of a fricative or a burst. A digit is a short list
// of segments with the formants and loudness of its sounds; the controls move every 5 ms and are smoothed, so that
// sounds glide into each other. Resonators as in Klatt (1980), "Software for a cascade/parallel formant synthesizer".
import type { Rng } from '../../util/index.ts'
import { noiseFrom } from './noise.ts'

/** Samples a second. */
const rate = 16000
/** Samples between two settings of the controls: 5 ms. */
const block = 80

/** A sound of a digit; formants go evenly from the first to the second set. */
interface Segment {
  /** Milliseconds at speed 1, relative to the other segments. */
  ms: number
  /** Amplitude of the voice and of the noise. */
  voice: number
  noise: number
  /** First three formants in Hz, at the start and at the end. */
  from: readonly [number, number, number]
  to: readonly [number, number, number]
  /** Middle and width of the noise in Hz. */
  hiss: number
  width: number
}

type Formants = Segment['from']

const vowel = (ms: number, from: Formants, to: Formants = from, voice = 1): Segment => {
  return { ms, voice, noise: 0, from, to, hiss: 3000, width: 2000 }
}
const hiss = (ms: number, noise: number, hiss: number, width: number, voice = 0): Segment => {
  const formants: Formants = [350, 1600, 2500]
  return { ms, voice, noise, from: formants, to: formants, hiss, width }
}
const silence = (ms: number): Segment => hiss(ms, 0, 3000, 2000)

// the sounds that come more than once
const s = (ms: number) => hiss(ms, 0.5, 5600, 1200)
const f = (ms: number) => hiss(ms, 0.16, 3400, 4500)
const t = (ms: number) => hiss(ms, 0.6, 4300, 1500)
const v = (ms: number) => hiss(ms, 0.07, 3400, 4000, 0.45)
const n = (ms: number) => vowel(ms, [270, 1450, 2400], [270, 1450, 2400], 0.45)
const eye = (ms: number) => vowel(ms, [760, 1200, 2500], [380, 2050, 2650])

/** zero, one, two ... nine. */
const words: readonly (readonly Segment[])[] = [
  [
    hiss(50, 0.35, 5600, 1200, 0.4),
    vowel(45, [340, 2150, 2800]),
    vowel(45, [400, 1250, 1650]),
    vowel(100, [500, 900, 2400], [420, 800, 2300]),
  ],
  [vowel(60, [300, 650, 2200], [600, 1150, 2400], 0.8), vowel(80, [660, 1200, 2450]), n(90)],
  [t(40), hiss(20, 0.15, 2000, 2000), vowel(170, [320, 1350, 2300], [320, 850, 2250])],
  [hiss(60, 0.2, 6500, 3000), vowel(55, [380, 1100, 1600], [330, 1700, 2200]), vowel(125, [300, 2280, 3000])],
  [f(70), vowel(105, [530, 850, 2450]), vowel(65, [480, 1250, 1650])],
  [f(60), eye(125), v(55)],
  [s(75), vowel(55, [410, 1950, 2550]), silence(30), hiss(15, 0.6, 1900, 700), s(75)],
  [s(60), vowel(55, [560, 1800, 2500]), v(35), vowel(35, [500, 1500, 2500], undefined, 0.8), n(60)],
  [vowel(130, [520, 1850, 2500], [310, 2200, 2900]), silence(50), t(45)],
  [n(55), eye(130), n(60)],
]

/** Who speaks, and how. */
export interface Speaker {
  /** Pitch in Hz at the start and at the end of a digit. */
  pitch: [number, number]
  /** Factor on all formants: the length of the throat; 1 is that of the tables. */
  throat: number
  /** Largest amplitude, about. */
  loudness: number
}

/**
 * One spoken digit.
 *
 * @param digit 0 to 9
 * @param length samples at 16 kHz, a multiple of 80
 * @param rng gives the noise
 */
export function speakDigit(digit: number, length: number, speaker: Speaker, rng: Rng): Float32Array {
  const segments = words[digit]
  const controls = controlTrack(segments, length / block)
  const voice = glottalPulses(length, speaker.pitch)
  const noise = noiseFrom(length, rng)
  const formants = [resonator(), resonator(), resonator()]
  const mouth = resonator()
  const samples = new Float32Array(length)
  controls.forEach((control, index) => {
    formants.forEach((one, i) => tune(one, control.formants[i] * speaker.throat, formantWidths[i]))
    tune(mouth, control.hiss, control.width)
    mouth.a = evenGain(mouth)
    const start = index * block
    for (let i = start; i < start + block; i++) {
      let value = control.voice * voice[i]
      for (let k = 0; k < 3; k++) value = step(formants[k], value)
      samples[i] = value + step(mouth, hissGain * control.noise * noise[i])
    }
  })
  return scaled(samples, speaker.loudness)
}

const formantWidths = [70, 100, 140]
const hissGain = 1.1

/** Settings of one block of samples. */
interface Control {
  voice: number
  noise: number
  formants: number[]
  hiss: number
  width: number
}

/** The segments as one setting a block, smoothed. */
function controlTrack(segments: readonly Segment[], blocks: number): Control[] {
  const total = segments.reduce((sum, { ms }) => sum + ms, 0)
  const track: Control[] = []
  let [at, start] = [0, 0]
  for (let index = 0; index < blocks; index++) {
    const time = ((index + 0.5) * total) / blocks
    while (at < segments.length - 1 && time >= start + segments[at].ms) start += segments[at++].ms
    const { ms, voice, noise, from, to, hiss, width } = segments[at]
    const part = Math.min(1, (time - start) / ms)
    const formants = from.map((hertz, i) => hertz + (to[i] - hertz) * part)
    // the last block closes the mouth
    const open = index === blocks - 1 ? 0.3 : 1
    track.push({ voice: voice * open, noise: noise * open, formants, hiss, width })
  }
  for (let index = 0; index < blocks; index++) {
    const before = index === 0 ? { ...track[0], voice: 0, noise: 0 } : track[index - 1]
    const now = track[index]
    now.voice += 0.4 * (before.voice - now.voice)
    now.noise += 0.3 * (before.noise - now.noise)
    now.formants = now.formants.map((hertz, i) => hertz + 0.5 * (before.formants[i] - hertz))
  }
  return track
}

/** A train of pulses whose pitch goes evenly from the first to the second. */
function glottalPulses(length: number, pitch: [number, number]): Float32Array {
  const pulses = new Float32Array(length)
  const openPart = 0.6
  let turn = 0
  for (let i = 0; i < length; i++) {
    if (turn < openPart) {
      const open = turn / openPart
      pulses[i] = 2 * open - 3 * open * open
    }
    turn += (pitch[0] + ((pitch[1] - pitch[0]) * i) / length) / rate
    if (turn >= 1) turn -= 1
  }
  return pulses
}

/** y = a x + b y' + c y'': a peak at one frequency, gain 1 at 0 Hz. */
interface Resonator {
  a: number
  b: number
  c: number
  last: number
  previous: number
}

function resonator(): Resonator {
  return { a: 1, b: 0, c: 0, last: 0, previous: 0 }
}

function tune(one: Resonator, hertz: number, width: number): void {
  const decay = Math.exp((-Math.PI * width) / rate)
  one.c = -decay * decay
  one.b = 2 * decay * Math.cos((2 * Math.PI * Math.min(hertz, 7600)) / rate)
  one.a = 1 - one.b - one.c
}

/** The factor `a` that keeps the power of white noise: the variance of an autoregressive process of order 2. */
function evenGain({ b, c }: Resonator): number {
  return Math.sqrt(((1 + c) * ((1 - c) ** 2 - b * b)) / (1 - c))
}

function step(one: Resonator, x: number): number {
  const y = one.a * x + one.b * one.last + one.c * one.previous
  one.previous = one.last
  one.last = y
  return y
}

/** Brings the largest sample to `peak`, in place. */
function scaled(samples: Float32Array, peak: number): Float32Array {
  let largest = 1e-6
  for (const sample of samples) largest = Math.max(largest, Math.abs(sample))
  const factor = peak / largest
  for (let i = 0; i < samples.length; i++) samples[i] *= factor
  return samples
}
