// The tasks "digits" and "say": spoken digits to read, and to speak.
//
// Read ones come from a random speaker with noise and pauses; spoken ones have one voice in step with the frames of 40 ms:
// six frames a digit, one of silence, and a pitch with a whole number of pulses a frame, so that a digit always
// becomes the same codes.
import { Rng, type Rng as Random } from '../../util/index.ts'
import type { Sound } from '../../media/index.ts'
import { addNoise, clampSamples } from './noise.ts'
import { worldRate } from './toneTask.ts'
import { answer, ask, type Task } from './types.ts'
import { speakDigit, type Speaker } from './voice.ts'

/** Samples of a digit of `sayDigits`, 240 ms, and of it with the pause behind it. */
export const saidLength = 3840
export const saidStride = 4480

const saidVoice: Speaker = { pitch: [100, 100], throat: 1, loudness: 0.6 }
const saidOnce = new Map<number, Float32Array>()

/** One digit in the fixed voice, made once. */
export function saidDigit(digit: number): Float32Array {
  let samples = saidOnce.get(digit)
  if (samples === undefined) {
    samples = speakDigit(digit, saidLength, saidVoice, new Rng(digit))
    saidOnce.set(digit, samples)
  }
  return samples
}

/** The one sound of a row of digits: 280 ms each, nothing random. */
export function sayDigits(digits: readonly number[]): Sound {
  const samples = new Float32Array(digits.length * saidStride)
  digits.forEach((digit, i) => samples.set(saidDigit(digit), i * saidStride))
  return { rate: worldRate, samples }
}

/** Digits as somebody somewhere speaks them; the length is a whole number of 40 ms frames. */
export function speakDigits(digits: readonly number[], rng: Random): Sound {
  const base = 90 + 130 * rng.uniform()
  const throat = 0.92 + 0.16 * rng.uniform()
  const loudness = 0.3 + 0.6 * rng.uniform()
  const speed = 0.85 + 0.3 * rng.uniform()
  const spoken = digits.map((digit) => {
    const pitch = base * (0.95 + 0.1 * rng.uniform())
    // 200 to 280 ms in blocks of 5 ms
    const blocks = Math.round(Math.min(56, Math.max(40, (48 / speed) * (0.95 + 0.1 * rng.uniform()))))
    const ends = pitch * (0.8 + 0.25 * rng.uniform())
    return speakDigit(digit, blocks * 80, { pitch: [pitch, ends], throat, loudness }, rng)
  })
  const starts: number[] = []
  let at = rng.integer(641)
  for (const samples of spoken) {
    starts.push(at)
    at += samples.length + 640 + rng.integer(641)
  }
  const end = starts[starts.length - 1] + spoken[spoken.length - 1].length
  const samples = new Float32Array(Math.ceil(end / 640) * 640)
  spoken.forEach((one, i) => samples.set(one, starts[i]))
  addNoise(samples, 0.001 + 0.006 * rng.uniform(), rng)
  return { rate: worldRate, samples: clampSamples(samples) }
}

const randomDigits = (rng: Random, shortest: number): number[] =>
  Array.from({ length: shortest + rng.integer(5 - shortest) }, () => rng.integer(10))

/** There are ten rows of one digit: all of them are for training. */
const signature = (plan: number[]) => (plan.length < 2 ? undefined : plan.join(' '))

export const digitsTask: Task<number[]> = {
  plan: (rng, split) => randomDigits(rng, split === 'train' ? 1 : 2),
  signature,
  document: (plan, rng) => [{ sound: speakDigits(plan, rng) }, ask('which digits?'), answer(plan.join(' '))],
  questions: (plan, rng) => [
    {
      kind: 'digits',
      prompt: [{ sound: speakDigits(plan, rng) }, ask('which digits?')],
      answer: `${plan.join(' ')}\n`,
      truth: { digits: plan },
    },
  ],
}

export const sayTask: Task<number[]> = {
  plan: (rng, split) => randomDigits(rng, split === 'train' ? 1 : 2),
  signature,
  document: (plan) => [ask(`say ${plan.join(' ')}`), { sound: sayDigits(plan), target: true }],
  questions: (plan) => [
    {
      kind: 'say',
      prompt: [ask(`say ${plan.join(' ')}`)],
      answer: '',
      truth: { digits: plan, sound: sayDigits(plan) },
    },
  ],
}
