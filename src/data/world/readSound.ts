// Hears what was played and said: the checkers of what a model plays and speaks, from the samples alone.
//
// A note is the one of the eight whose frequency holds most power of its 160 ms (Goertzel 1958: one term of a Fourier
// transform). A digit is the one whose mel spectrum in the fixed voice is nearest, up to loudness; the
// spectrum has no phase, so that a sound rebuilt from a spectrum is judged as the ear would.
import { logMel, type Sound } from '../../media/index.ts'
import { PolluxError } from '../../util/index.ts'
import { sayDigits, saidStride } from './digitTask.ts'
import { noteLength, noteNames, notes, worldRate, type Note } from './toneTask.ts'

/** Root mean square below which a stretch is silent. */
const silent = 0.004
/** Part of a note that its start may be late by: 40 ms. */
const late = 640

/**
 * The notes of a tune, one each 160 ms; `?` where something sounds that is none of the eight.
 *
 * @param sound at 16 kHz, in the pace of `play`; up to 40 ms of silence may come first
 */
export function readTones(sound: Sound): (Note | '?')[] {
  checkRate('readTones', sound)
  const found: (Note | '?')[] = []
  for (let start = 0; start + noteLength / 2 <= sound.samples.length; start += noteLength) {
    // the part of the stretch that belongs to this note whenever the tune began
    const stretch = sound.samples.subarray(start + late, start + noteLength)
    if (rms(stretch) >= silent) found.push(noteOf(stretch))
  }
  return found
}

function noteOf(stretch: Float32Array): Note | '?' {
  const powers = noteNames.map((name) => goertzel(stretch, notes[name]))
  const best = powers.indexOf(Math.max(...powers))
  // the octave above C is also its second harmonic
  const name = noteNames[best] === 'c' && powers[0] > 0.05 * powers[best] ? 'C' : noteNames[best]
  // a sine of amplitude a has power a^2 / 4 here and a mean square of a^2 / 2
  return 4 * Math.max(...powers) < 0.015 * 2 * rms(stretch) ** 2 ? '?' : name
}

/** Squared magnitude of the windowed Fourier term at a frequency; a sine of amplitude a gives a^2 / 4. */
function goertzel(samples: Float32Array, hertz: number): number {
  const turn = (2 * Math.PI * hertz) / worldRate
  const factor = 2 * Math.cos(turn)
  let [last, previous] = [0, 0]
  for (let i = 0; i < samples.length; i++) {
    const window = 1 - Math.cos((2 * Math.PI * (i + 0.5)) / samples.length)
    const now = window * samples[i] + factor * last - previous
    previous = last
    last = now
  }
  return (last * last + previous * previous - factor * last * previous) / samples.length ** 2
}

/**
 * The digits of a sound in the pace and voice of `say`, one each 280 ms; silent ones are left out.
 *
 * @param sound at 16 kHz
 */
export function readSaid(sound: Sound): number[] {
  checkRate('readSaid', sound)
  const found: number[] = []
  for (let start = 0; start + saidStride / 2 <= sound.samples.length; start += saidStride) {
    const stretch = new Float32Array(saidStride)
    stretch.set(sound.samples.subarray(start, start + saidStride))
    if (rms(stretch) < silent) continue
    const heard = spectrumOf({ rate: worldRate, samples: stretch })
    const distances = spectraOfDigits().map((known) => distance(heard, known))
    found.push(distances.indexOf(Math.min(...distances)))
  }
  return found
}

let spectra: Float32Array[] | undefined

function spectraOfDigits(): Float32Array[] {
  spectra ??= Array.from({ length: 10 }, (_, digit) => spectrumOf(sayDigits([digit])))
  return spectra
}

/** The mel spectrum, roughly as loud as it is heard (a power law, which forgives noise under quiet parts), of length 1. */
function spectrumOf({ samples }: Sound): Float32Array {
  const { spectrum } = logMel(samples, { mels: 24 })
  const heard = spectrum.map((value) => Math.exp(0.4 * value))
  const mean = heard.reduce((sum, value) => sum + value, 0) / heard.length
  const length = Math.hypot(...heard.map((value) => value - mean))
  return heard.map((value) => (value - mean) / length)
}

/** Squared distance. */
function distance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0)
}

function rms(samples: Float32Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  return samples.length === 0 ? 0 : Math.sqrt(sum / samples.length)
}

function checkRate(reader: string, sound: Sound): void {
  if (sound.rate === worldRate) return
  throw new PolluxError(`${reader}: sound must be at ${worldRate} Hz, got ${sound.rate}`, {
    hint: `resample(sound, ${worldRate}) first`,
  })
}
