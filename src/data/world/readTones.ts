// Which notes a sound plays: the judge of tunes that a model made.
//
// The middle of every 160 ms is measured by a bank of Goertzel filters (1958) and compared with the spectra of the
// eight notes as the instrument plays them. Whole spectra are compared, not peaks: what a model makes went through a mel
// spectrum whose lines are wider than the half tone from E to F, but their shapes and overtones still differ.
import type { Sound } from '../../media/index.ts'
import { noteNames, playNotes } from './tones.ts'

const seconds = 0.16
/** Part of a note at each end that is not measured: it may hold some of the neighbour. */
const margin = 0.12
/** Hz that are measured. */
const grid = Array.from({ length: 170 }, (_, i) => 180 + 10 * i)
/** A note is silent when its root mean square is this much below that of the loudest. */
const silence = 0.1

/**
 * The notes of a sound, as in 'C E G'.
 * @param count notes to read, from the start; default: as many as its length holds, without silence at the end
 * @returns names by spaces; '-' for a silent note or one past the end
 */
export function readTones(sound: Sound, count?: number): string {
  const length = Math.round(seconds * sound.rate)
  const held = Math.round(sound.samples.length / length)
  const slots = Array.from({ length: count ?? held }, (_, i) => middleOf(sound.samples, i * length, length))
  const loudness = slots.map((slot) => Math.sqrt(slot.reduce((sum, x) => sum + x * x, 0) / Math.max(1, slot.length)))
  const loudest = Math.max(0, ...loudness)
  const names = slots.map((slot, i) =>
    loudness[i] > 0 && loudness[i] >= silence * loudest ? nearestNote(spectrumOf(slot, sound.rate)) : '-',
  )
  if (count === undefined) while (names.at(-1) === '-') names.pop()
  return names.join(' ')
}

function middleOf(samples: Float32Array, start: number, length: number): Float32Array {
  const edge = Math.round(margin * length)
  return samples.subarray(start + edge, start + length - edge)
}

let templates: Float64Array[] | undefined

function nearestNote(spectrum: Float64Array): string {
  templates ??= noteNames.map((note) => {
    const { samples, rate } = playNotes([note])
    return spectrumOf(middleOf(samples, 0, samples.length), rate)
  })
  const scores = templates.map((template) => template.reduce((sum, value, i) => sum + value * spectrum[i], 0))
  return noteNames[scores.indexOf(Math.max(...scores))]
}

/** Magnitudes at the frequencies of the grid under a Hann window, scaled to length 1. */
function spectrumOf(samples: Float32Array, rate: number): Float64Array {
  const windowed = samples.map((x, n) => x * (0.5 - 0.5 * Math.cos((2 * Math.PI * (n + 0.5)) / samples.length)))
  const powers = grid.map((hertz) => goertzel(windowed, hertz / rate))
  const norm = Math.sqrt(powers.reduce((sum, power) => sum + power, 0)) || 1
  return Float64Array.from(powers, (power) => Math.sqrt(power) / norm)
}

/** Power of one frequency, in cycles a sample. */
function goertzel(samples: Float32Array, frequency: number): number {
  const turn = 2 * Math.cos(2 * Math.PI * frequency)
  let [last, before] = [0, 0]
  for (const sample of samples) [last, before] = [sample + turn * last - before, last]
  return Math.max(0, last * last + before * before - turn * last * before)
}
