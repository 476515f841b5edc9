// Numbers spoken by a machine: to be written down when heard, and to be said when written.
//
// Ten words after the English ones, of formants and hiss, made to differ: with the speaker's pitch, tract, speed and loudness
// drawn anew for what is heard, and one fixed voice for what is said. The fixed voice fills 240 ms and pauses for 40, seven
// tokens of sound a digit, with a pitch of five periods a token: a digit has the same frames wherever it stands.
import { soundRate, type Sound } from '../../media/index.ts'
import { Rng } from '../../util/index.ts'
import { between } from './random.ts'
import { addNoise, ms, type Segment, utter, type Voice } from './synthesis.ts'
import type { WorldItem } from './types.ts'

const voiced = (share: number, level: number, from: Segment['from'], to?: Segment['from']): Segment => ({
  source: 'voice',
  share,
  level,
  from,
  to,
})
/** Hiss around a frequency in Hz. */
const hiss = (share: number, level: number, frequency: number): Segment => ({
  source: 'noise',
  share,
  level,
  from: [frequency, frequency, frequency],
})
const pause = (share: number): Segment => ({ source: 'silence', share, level: 0, from: [500, 1500, 2500] })
const nasal = (share: number): Segment => voiced(share, 0.4, [250, 1150, 2300])

/** The words, by digit. Formants after Peterson & Barney (1952), moved apart. */
export const digitSegments: readonly (readonly Segment[])[] = [
  // z-ee-r-oh
  [hiss(0.2, 0.25, 5200), voiced(0.4, 1, [300, 2250, 2900], [420, 1300, 1700]), voiced(0.4, 1, [480, 850, 2400])],
  // w-uh-n
  [voiced(0.4, 0.7, [280, 600, 2200], [560, 900, 2300]), voiced(0.4, 1, [680, 1150, 2400]), nasal(0.2)],
  // t-oo
  [hiss(0.15, 0.5, 3600), voiced(0.85, 1, [300, 800, 2250])],
  // th-r-ee
  [hiss(0.25, 0.2, 1800), voiced(0.2, 0.7, [420, 1200, 1600], [300, 2200, 2900]), voiced(0.55, 1, [280, 2350, 3000])],
  // f-or
  [hiss(0.3, 0.35, 1300), voiced(0.7, 1, [640, 900, 2500], [500, 1150, 1650])],
  // f-i-ve
  [hiss(0.2, 0.35, 1300), voiced(0.6, 1, [760, 1200, 2500], [350, 2150, 2800]), hiss(0.2, 0.2, 1500)],
  // s-i-x
  [hiss(0.35, 0.6, 6000), voiced(0.25, 1, [400, 1950, 2600]), pause(0.15), hiss(0.25, 0.6, 6000)],
  // s-e-v-en
  [hiss(0.25, 0.6, 4600), voiced(0.35, 1, [580, 1800, 2500]), hiss(0.1, 0.1, 1500), nasal(0.3)],
  // ei-t
  [voiced(0.6, 1, [480, 1950, 2600], [290, 2300, 3000]), pause(0.2), hiss(0.2, 0.7, 3600)],
  // n-i-ne
  [nasal(0.3), voiced(0.5, 1, [760, 1250, 2500], [280, 2350, 3000]), nasal(0.2)],
]

/** One digit has ten sequences, too few to hold some out: tests have two or more. */
const fewestHeldOut = 2
const mostDigits = 4

const saidLength = ms(240)
const saidGap = ms(40)
const saidLevel = 0.7
const saidVoice: Voice = { pitch: 125, fall: 1, tract: 1 }

/** Samples that one digit and the pause after it take in what is said. */
export const saidSlot = saidLength + saidGap

/** Digits to be written down; truth: the digits. */
export function makeDigits(rng: Rng, { test }: { seed: number; test: boolean }): WorldItem {
  const digits = randomDigits(rng, test)
  const voice = { pitch: between(rng, 90, 220), fall: between(rng, 0.85, 1.05), tract: between(rng, 0.95, 1.05) }
  const level = between(rng, 0.2, 0.85)
  const length = between(rng, 210, 270)
  const words = digits.map((digit) =>
    utter(digitSegments[digit], voice, ms(length + between(rng, -10, 10)), rng).map((sample) => level * sample),
  )
  const gaps = digits.map(() => ms(between(rng, 40, 80)))
  const lead = ms(between(rng, 0, 40))
  const samples = new Float32Array(words.reduce((sum, word, i) => sum + word.length + gaps[i], lead))
  let at = lead
  for (const [i, word] of words.entries()) {
    samples.set(word, at)
    at += word.length + gaps[i]
  }
  addNoise(samples, level * between(rng, 0, 0.03), rng)
  return {
    signature: signatureOf(digits),
    media: [{ sound: { rate: soundRate, samples } }],
    turns: [{ kind: 'digits', question: 'which digits?\n', answer: { text: `${digits.join(' ')}\n` } }],
    truth: digits,
  }
}

/** Digits to be said; truth: the digits. */
export function makeSay(rng: Rng, { test }: { seed: number; test: boolean }): WorldItem {
  const digits = randomDigits(rng, test)
  const answer = { sound: sayDigits(digits), target: true }
  return {
    signature: signatureOf(digits),
    media: [],
    turns: [{ kind: 'say', question: `say ${digits.join(' ')}\n`, answer }],
    truth: digits,
  }
}

const said: Float32Array[] = []

/** The one right sound of a number: `saidSlot` samples a digit. */
export function sayDigits(digits: readonly number[]): Sound {
  const samples = new Float32Array(digits.length * saidSlot)
  for (const [i, digit] of digits.entries()) {
    said[digit] ??= utter(digitSegments[digit], saidVoice, saidLength, new Rng(digit)).map((x) => saidLevel * x)
    samples.set(said[digit], i * saidSlot)
  }
  return { rate: soundRate, samples }
}

function randomDigits(rng: Rng, test: boolean): number[] {
  const fewest = test ? fewestHeldOut : 1
  return Array.from({ length: fewest + rng.integer(mostDigits - fewest + 1) }, () => rng.integer(10))
}

/** Heard and said, a number is on one side of the split. */
function signatureOf(digits: readonly number[]): string | null {
  return digits.length < fewestHeldOut ? null : `digits ${digits.join(' ')}`
}
