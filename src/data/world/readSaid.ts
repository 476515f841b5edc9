// The checker of said digits: which digit each slot of a sound holds, by its log-mel rows against those of the one voice.
import { samplesPerToken, type Sound, soundFrames } from '../../media/index.ts'
import { saidSlot, sayDigits } from './digits.ts'

const mels = 64
/** Rows of 40 ms in a slot. */
const slotRows = Math.round(saidSlot / samplesPerToken)

let templates: Float32Array[] | undefined

/** The digits of a sound, as in '3 1 4'; a slot that the sound only begins is left out. */
export function readSaid(sound: Sound): string {
  templates ??= Array.from({ length: 10 }, (_, digit) => rowsOf(sayDigits([digit])).slice())
  const rows = rowsOf(sound)
  const width = slotRows * 4 * mels
  const count = Math.round(rows.length / width)
  return Array.from({ length: count }, (_, i) => nearest(rows.subarray(i * width, (i + 1) * width))).join(' ')
}

function rowsOf(sound: Sound): Float32Array {
  return soundFrames(sound, { features: 'log_mel', mels }).frames
}

function nearest(rows: Float32Array): number {
  const distances = templates!.map((template) => {
    let sum = 0
    for (let i = 0; i < Math.min(rows.length, template.length); i++) sum += (rows[i] - template[i]) ** 2
    return sum
  })
  return distances.indexOf(Math.min(...distances))
}
