// Tone sequences: heard and named, or named and played.
import type { Sound } from '../../media/index.ts'
import type { Rng } from '../../util/index.ts'
import { pick } from './scene.ts'
import { addNoise, addNote, limited, samplesOf } from './synthesis.ts'
import type { WorldItem } from './types.ts'

/** C4 to C5, equal temperament. */
export const noteNames = ['C', 'D', 'E', 'F', 'G', 'A', 'B', 'c'] as const
export type NoteName = (typeof noteNames)[number]
const semitones = [0, 2, 4, 5, 7, 9, 11, 12]
export const hertzOf = (note: NoteName): number => 261.6256 * 2 ** (semitones[noteNames.indexOf(note)] / 12)
export const noteSeconds = 0.16

function randomNotes(rng: Rng): NoteName[] {
  return Array.from({ length: 2 + rng.integer(4) }, () => pick(rng, noteNames))
}

/** Sequences of two are so few that they all belong to training. */
const signatureOf = (notes: NoteName[]): string | null => (notes.length > 2 ? notes.join(' ') : null)

/** Notes of any loudness, timbre and phase, to be named. */
export function makeTones(rng: Rng): WorldItem {
  const notes = randomNotes(rng)
  const before = samplesOf(rng.uniform() * 0.04)
  const samples = new Float32Array(before + samplesOf(noteSeconds) * notes.length)
  const harmonics = Array.from({ length: 2 + rng.integer(3) }, (_, h) => (h === 0 ? 1 : rng.uniform() * 0.5))
  const loudness = 0.08 + 0.3 * rng.uniform()
  notes.forEach((note, i) => {
    const phase = rng.uniform() * 2 * Math.PI
    const start = before + i * samplesOf(noteSeconds)
    addNote(samples, start, { hertz: hertzOf(note), seconds: noteSeconds, harmonics, loudness, phase })
  })
  addNoise(samples, 0.02 * rng.uniform(), rng)
  return {
    signature: signatureOf(notes),
    media: [{ sound: limited(samples) }],
    turns: [{ kind: 'notes', question: 'which notes?\n', answer: { text: `${notes.join(' ')}\n` } }],
    truth: notes,
  }
}

/** `play C E G`, and the sound: one timbre and loudness, so that a prompt has one right answer. */
export function makePlay(rng: Rng): WorldItem {
  const notes = randomNotes(rng)
  return {
    signature: signatureOf(notes),
    media: [],
    turns: [{ kind: 'play', question: `play ${notes.join(' ')}\n`, answer: { sound: playNotes(notes), target: true } }],
    truth: notes,
  }
}

export function playNotes(notes: readonly NoteName[]): Sound {
  const samples = new Float32Array(samplesOf(noteSeconds) * notes.length)
  notes.forEach((note, i) => {
    const start = i * samplesOf(noteSeconds)
    addNote(samples, start, {
      hertz: hertzOf(note),
      seconds: noteSeconds,
      harmonics: [1, 0.3],
      loudness: 0.3,
      phase: 0,
    })
  })
  return limited(samples)
}
