// The checker of tones: which note each 160 ms of a sound holds, by the energy at the notes' frequencies (Goertzel 1958).
import { type Sound, soundRate } from '../../media/index.ts'
import { hertzOf, type NoteName, noteNames, noteSeconds } from './tones.ts'

/** Share of the loudest stretch's level below which a stretch is silence. */
const silence = 0.1

/** Names of the notes, in order; stretches of silence are left out. */
export function readTones({ rate, samples }: Sound): NoteName[] {
  if (rate !== soundRate) throw new RangeError(`readTones: rate must be ${soundRate} Hz, got ${rate}`)
  const length = Math.round(noteSeconds * rate)
  const count = Math.round(samples.length / length)
  // the edges of a note are left out: there the neighbour sounds too
  const stretches = Array.from({ length: count }, (_, i) =>
    samples.subarray(Math.round((i + 0.15) * length), Math.round((i + 0.85) * length)),
  )
  const levels = stretches.map((stretch) => Math.sqrt(stretch.reduce((sum, x) => sum + x * x, 0) / stretch.length))
  const loudest = Math.max(...levels)
  return stretches.filter((_, i) => levels[i] > silence * loudest).map(loudestNote)
}

function loudestNote(samples: Float32Array): NoteName {
  let [best, most] = [noteNames[0] as NoteName, -1]
  for (const note of noteNames) {
    // pitch may be a little off after a vocoder: the best of a few places near the note counts
    for (const detune of [0.985, 1, 1.015]) {
      const energy = power(samples, hertzOf(note) * detune)
      if (energy > most) [best, most] = [note, energy]
    }
  }
  return best
}

/** Squared magnitude at a frequency, under a Hann window. */
function power(samples: Float32Array, hertz: number): number {
  const step = (2 * Math.PI * hertz) / soundRate
  let [re, im] = [0, 0]
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / samples.length))
    re += value * Math.cos(step * i)
    im += value * Math.sin(step * i)
  }
  return re * re + im * im
}
