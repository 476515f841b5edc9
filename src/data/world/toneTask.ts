// The tasks "tones" and "play": short tunes of eight notes to read, and to play.
//
// A note lasts 160 ms, four frames of 40 ms. To be read, a tune comes with random timbre, phase, loudness, start and
// noise; to be played, it has one fixed sound without them, so that one prompt has one sound.
import type { Rng } from '../../util/index.ts'
import type { Sound } from '../../media/index.ts'
import { addNoise, clampSamples } from './noise.ts'
import { answer, ask, pick, type Task } from './types.ts'

/** Samples a second, of every sound of the world. */
export const worldRate = 16000
/** Samples of a note: 160 ms. */
export const noteLength = 2560
/** The notes and their frequencies in Hz, C4 to C5, equally tempered. */
export const notes = { C: 261.63, D: 293.66, E: 329.63, F: 349.23, G: 392.0, A: 440.0, B: 493.88, c: 523.25 } as const
export type Note = keyof typeof notes
export const noteNames = Object.keys(notes) as Note[]

/** Samples over which a note swells and fades: 10 ms, so that it does not click. */
const ramp = 160

/**
 * Adds a tone to samples, in place.
 *
 * @param hertz frequency at the first sample and at the last; between them it changes evenly
 * @param harmonics amplitude of each multiple of the frequency, from 1
 * @param phase in turns, the same for the multiples
 */
export function addTone(
  samples: Float32Array,
  start: number,
  length: number,
  hertz: [number, number],
  harmonics: readonly number[],
  phase = 0,
): void {
  // the sine and cosine of the angle, and of its step, are turned along instead of computed for each sample
  let [sine, cosine] = unit(phase)
  let [stepSine, stepCosine] = unit(hertz[0] / worldRate)
  const [bendSine, bendCosine] = unit((hertz[1] - hertz[0]) / worldRate / length)
  const bends = hertz[0] !== hertz[1]
  for (let i = 0; i < length; i++) {
    const swell = Math.min(1, (i + 0.5) / ramp, (length - i - 0.5) / ramp)
    // sin(k x) for every harmonic k by the recurrence of Chebyshev
    let [before, now, value] = [0, sine, 0]
    for (let k = 0; k < harmonics.length; k++) {
      value += harmonics[k] * now
      const next = 2 * cosine * now - before
      before = now
      now = next
    }
    samples[start + i] += swell * value
    const turned = sine * stepCosine + cosine * stepSine
    cosine = cosine * stepCosine - sine * stepSine
    sine = turned
    if (bends) {
      const bent = stepSine * bendCosine + stepCosine * bendSine
      stepCosine = stepCosine * bendCosine - stepSine * bendSine
      stepSine = bent
    }
  }
}

/** Sine and cosine of an angle in turns. */
function unit(turns: number): [number, number] {
  return [Math.sin(2 * Math.PI * turns), Math.cos(2 * Math.PI * turns)]
}

/** The one sound of a tune: 160 ms a note, nothing random. */
export function playNotes(names: readonly Note[]): Sound {
  const samples = new Float32Array(names.length * noteLength)
  names.forEach((name, i) => addTone(samples, i * noteLength, noteLength, [notes[name], notes[name]], [0.4, 0.2, 0.1]))
  return { rate: worldRate, samples }
}

/** A tune as somebody somewhere plays it; its length is a whole number of 40 ms frames. */
export function performNotes(names: readonly Note[], rng: Rng): Sound {
  const silence = rng.integer(641)
  const samples = new Float32Array(Math.ceil((silence + names.length * noteLength) / 640) * 640)
  const timbre = Array.from({ length: 2 + rng.integer(3) }, () => 0.4 + 0.6 * rng.uniform())
  const loudness = (0.25 + 0.6 * rng.uniform()) / timbre.reduce((a, b) => a + b)
  const harmonics = timbre.map((amplitude) => amplitude * loudness)
  names.forEach((name, i) => {
    addTone(samples, silence + i * noteLength, noteLength, [notes[name], notes[name]], harmonics, rng.uniform())
  })
  addNoise(samples, 0.002 + 0.01 * rng.uniform(), rng)
  return { rate: worldRate, samples: clampSamples(samples) }
}

const randomNotes = (rng: Rng, shortest: number): Note[] =>
  Array.from({ length: shortest + rng.integer(6 - shortest) }, () => pick(noteNames, rng))

/** Two notes make 64 tunes only: all of them are for training. */
const signature = (plan: Note[]) => (plan.length < 3 ? undefined : plan.join(' '))

export const tonesTask: Task<Note[]> = {
  plan: (rng, split) => randomNotes(rng, split === 'train' ? 2 : 3),
  signature,
  document: (plan, rng) => [{ sound: performNotes(plan, rng) }, ask('which notes?'), answer(plan.join(' '))],
  questions: (plan, rng) => [
    {
      kind: 'notes',
      prompt: [{ sound: performNotes(plan, rng) }, ask('which notes?')],
      answer: `${plan.join(' ')}\n`,
      truth: { notes: plan },
    },
  ],
}

export const playTask: Task<Note[]> = {
  plan: (rng, split) => randomNotes(rng, split === 'train' ? 2 : 3),
  signature,
  document: (plan) => [ask(`play ${plan.join(' ')}`), { sound: playNotes(plan), target: true }],
  questions: (plan) => [
    {
      kind: 'play',
      prompt: [ask(`play ${plan.join(' ')}`)],
      answer: '',
      truth: { notes: plan, sound: playNotes(plan) },
    },
  ],
}
