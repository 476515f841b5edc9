// Tunes of two to five notes: to be named when heard, and to be played when named.
//
// What is heard varies in timbre, loudness, phase and noise; what is played is always the same instrument, so that one
// right sound exists for every tune. Notes last 160 ms: four tokens of sound.
import { soundRate, type Sound } from '../../media/index.ts'
import type { Rng } from '../../util/index.ts'
import { between, draw } from './random.ts'
import { addNoise, addTone, ms } from './synthesis.ts'
import type { WorldItem } from './types.ts'

/** From C4 to C5, the white keys. */
export const noteNames = ['C', 'D', 'E', 'F', 'G', 'A', 'B', 'c'] as const
export type NoteName = (typeof noteNames)[number]

/** Half tones from A4. */
const halfTones: Record<NoteName, number> = { C: -9, D: -7, E: -5, F: -4, G: -2, A: 0, B: 2, c: 3 }

/** Hz, equal temperament at A4 = 440 Hz. */
export const noteFrequency = (note: NoteName): number => 440 * 2 ** (halfTones[note] / 12)

/** Samples of a note. */
export const noteLength = ms(160)

/** Harmonics of the instrument that plays: rich, for the overtones tell E from F where a mel spectrum's lowest lines do not. */
const instrument = [1, 0.8, 0.7, 0.6, 0.5, 0.4]

/** Two notes are too few sequences to hold some out: tests have three or more. */
const fewestHeldOut = 3
const mostNotes = 5

/** Notes to be named; truth: the notes. */
export function makeTones(rng: Rng, { test }: { seed: number; test: boolean }): WorldItem {
  const notes = randomNotes(rng, test)
  const offset = rng.integer(ms(40) + 1)
  const samples = new Float32Array(offset + notes.length * noteLength)
  const level = between(rng, 0.15, 0.8)
  const harmonics = [1]
  const count = 2 + rng.integer(3)
  while (harmonics.length < count) harmonics.push(between(rng, 0.1, 0.8) / harmonics.length)
  for (const [i, note] of notes.entries()) {
    const start = offset + i * noteLength
    const phase = between(rng, 0, 2 * Math.PI)
    addTone(samples, { start, length: noteLength, frequency: noteFrequency(note), level, harmonics, phase })
  }
  addNoise(samples, level * between(rng, 0, 0.1), rng)
  return {
    signature: signatureOf(notes),
    media: [{ sound: { rate: soundRate, samples } }],
    turns: [{ kind: 'notes', question: 'which notes?\n', answer: { text: `${notes.join(' ')}\n` } }],
    truth: notes,
  }
}

/** Notes to be played; truth: the notes. */
export function makePlay(rng: Rng, { test }: { seed: number; test: boolean }): WorldItem {
  const notes = randomNotes(rng, test)
  const answer = { sound: playNotes(notes), target: true }
  return {
    signature: signatureOf(notes),
    media: [],
    turns: [{ kind: 'play', question: `play ${notes.join(' ')}\n`, answer }],
    truth: notes,
  }
}

/** The one right sound of a tune: 160 ms a note. */
export function playNotes(notes: readonly NoteName[]): Sound {
  const samples = new Float32Array(notes.length * noteLength)
  for (const [i, note] of notes.entries())
    addTone(samples, {
      start: i * noteLength,
      length: noteLength,
      frequency: noteFrequency(note),
      level: 0.6,
      harmonics: instrument,
    })
  return { rate: soundRate, samples }
}

function randomNotes(rng: Rng, test: boolean): NoteName[] {
  const fewest = test ? fewestHeldOut : 2
  return Array.from({ length: fewest + rng.integer(mostNotes - fewest + 1) }, () => draw(rng, noteNames))
}

/** Heard and played, a tune is on one side of the split. */
function signatureOf(notes: readonly NoteName[]): string | null {
  return notes.length < fewestHeldOut ? null : `notes ${notes.join(' ')}`
}
