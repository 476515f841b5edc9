// Spoken-like digits: each is a short run of vowels and hisses of its own, in many voices.
import type { Sound } from '../../media/index.ts'
import { Rng } from '../../util/index.ts'
import { addNoise, addSyllable, limited, samplesOf, type Segment, type Voice } from './synthesis.ts'
import type { WorldItem } from './types.ts'

/** Formants of the vowels used (Peterson & Barney 1952, men, rounded). */
const vowels = {
  i: [270, 2290, 3010],
  e: [530, 1840, 2480],
  a: [730, 1090, 2440],
  o: [570, 840, 2410],
  u: [300, 870, 2240],
  er: [490, 1350, 1690],
} as const
type Vowel = keyof typeof vowels

const vowel = (from: Vowel, to: Vowel, share: number): Segment => ({
  ...{ share, from: vowels[from], to: vowels[to] },
  ...{ voice: 1, hiss: 0 },
})
const hiss = (hertz: number, share: number, strength = 1.5): Segment => ({
  ...{ share, from: [hertz, hertz * 1.3], to: [hertz, hertz * 1.3] },
  ...{ voice: 0, hiss: strength },
})
const hum = (share: number): Segment => ({ share, from: [250, 1100], to: [250, 1100], voice: 0.6, hiss: 0 })

/** Sounds after those of the English words. */
const digitSegments: readonly (readonly Segment[])[] = [
  [vowel('i', 'er', 0.4), vowel('er', 'o', 0.6)],
  [vowel('u', 'a', 0.6), hum(0.4)],
  [hiss(3500, 0.3), vowel('u', 'u', 0.7)],
  [hiss(5200, 0.25, 0.8), vowel('er', 'i', 0.75)],
  [hiss(1800, 0.2), vowel('o', 'er', 0.8)],
  [hiss(1800, 0.2), vowel('a', 'i', 0.55), hiss(2600, 0.25, 0.7)],
  [hiss(4600, 0.3), vowel('i', 'i', 0.35), hiss(4600, 0.35)],
  [hiss(4600, 0.25), vowel('e', 'e', 0.4), hum(0.35)],
  [vowel('e', 'i', 0.65), hiss(3500, 0.35, 0.8)],
  [hum(0.25), vowel('a', 'i', 0.5), hum(0.25)],
]

interface Delivery {
  voice: Voice
  /** Seconds of a digit and of the pause after it. */
  digit: () => number
  pause: () => number
}

function speak(digits: readonly number[], { voice, digit, pause }: Delivery, rng: Rng, before: number): Float32Array {
  const lengths = digits.map(() => [samplesOf(digit()), samplesOf(pause())])
  const samples = new Float32Array(before + lengths.reduce((sum, [a, b]) => sum + a + b, 0))
  let at = before
  digits.forEach((value, i) => {
    const [length, gap] = lengths[i]
    addSyllable(samples, at, length, { segments: digitSegments[value], voice, rng })
    at += length + gap
  })
  return samples
}

function randomDigits(rng: Rng): number[] {
  return Array.from({ length: 1 + rng.integer(4) }, () => rng.integer(10))
}

/** Single digits are so few that they all belong to training. */
const signatureOf = (digits: number[]): string | null => (digits.length > 1 ? digits.join(' ') : null)

/** Digits in any voice, to be written down. */
export function makeDigits(rng: Rng): WorldItem {
  const digits = randomDigits(rng)
  const voice = {
    pitch: 90 + 130 * rng.uniform(),
    loudness: 0.15 + 0.35 * rng.uniform(),
    size: 0.92 + 0.18 * rng.uniform(),
  }
  const digit = (): number => 0.2 + 0.08 * rng.uniform()
  const pause = (): number => 0.04 + 0.04 * rng.uniform()
  const samples = speak(digits, { voice, digit, pause }, rng, samplesOf(0.04 * rng.uniform()))
  addNoise(samples, 0.01 * rng.uniform(), rng)
  return {
    signature: signatureOf(digits),
    media: [{ sound: limited(samples) }],
    turns: [{ kind: 'digits', question: 'which digits?\n', answer: { text: `${digits.join(' ')}\n` } }],
    truth: digits,
  }
}

/** `say 3 1 4`, and the sound in the one voice that the model has. */
export function makeSay(rng: Rng): WorldItem {
  const digits = randomDigits(rng)
  return {
    signature: signatureOf(digits),
    media: [],
    turns: [{ kind: 'say', question: `say ${digits.join(' ')}\n`, answer: { sound: sayDigits(digits), target: true } }],
    truth: digits,
  }
}

/** Digits of 240 ms with pauses of 40: each lies in the same seven rows of sound, always the same samples. */
export function sayDigits(digits: readonly number[]): Sound {
  const voice = { pitch: 125, loudness: 0.35, size: 1 }
  const parts = digits.map((value) =>
    speak([value], { voice, digit: () => 0.24, pause: () => 0.04 }, new Rng(value), 0),
  )
  const samples = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    samples.set(part, at)
    at += part.length
  }
  return limited(samples)
}
