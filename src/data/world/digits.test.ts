import { describe, expect, it } from 'vitest'
import { logMel, type Sound } from '../../media/index.ts'
import { Rng } from '../../util/index.ts'
import { makeDigits, makeSay, saidSlot, sayDigits } from './digits.ts'
import type { WorldItem } from './types.ts'

const train = { seed: 0, test: false }
const mels = 16
const slices = 3

function heard(item: WorldItem): Sound {
  const [part] = item.media
  if (!('sound' in part)) throw new Error('expected a sound')
  return part.sound
}

/** Single digits in all voices. */
function singles(count: number, seed: number): { digit: number; samples: Float32Array }[] {
  const rng = new Rng(seed)
  const out: { digit: number; samples: Float32Array }[] = []
  while (out.length < count) {
    const item = makeDigits(rng, train)
    const digits = item.truth as number[]
    if (digits.length === 1) out.push({ digit: digits[0], samples: heard(item).samples })
  }
  return out
}

/** The mean log spectrum in thirds of what is not silence, without the loudness. */
function features(samples: Float32Array): Float64Array {
  const loud = 0.1 * samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
  const first = samples.findIndex((x) => Math.abs(x) > loud)
  const { spectrum, hops } = logMel(samples.slice(first, samples.findLastIndex((x) => Math.abs(x) > loud) + 1), {
    mels,
  })
  const sums = new Float64Array(slices * mels)
  const counts = new Float64Array(slices)
  for (let hop = 0; hop < hops; hop++) {
    const slice = Math.floor((slices * hop) / hops)
    counts[slice]++
    for (let m = 0; m < mels; m++) sums[slice * mels + m] += spectrum[hop * mels + m]
  }
  const means = sums.map((sum, i) => sum / counts[Math.floor(i / mels)])
  const mean = means.reduce((sum, x) => sum + x, 0) / means.length
  return means.map((x) => x - mean)
}

const distance = (a: Float64Array, b: Float64Array): number => Math.hypot(...a.map((x, i) => x - b[i]))

describe('digits', () => {
  it('differ so much that the nearest mean spectrum names 97% of them, whoever speaks', () => {
    const sums = Array.from({ length: 10 }, () => new Float64Array(slices * mels))
    const counts = new Float64Array(10)
    for (const { digit, samples } of singles(120, 1)) {
      features(samples).forEach((x, i) => (sums[digit][i] += x))
      counts[digit]++
    }
    expect(counts.every((count) => count > 5)).toBe(true)
    const means = sums.map((sum, digit) => sum.map((x) => x / counts[digit]))
    const right = singles(120, 2).filter(({ digit, samples }) => {
      const distances = means.map((mean) => distance(mean, features(samples)))
      return distances.indexOf(Math.min(...distances)) === digit
    })
    expect(right.length / 120).toBeGreaterThanOrEqual(0.97)
  })

  it('makes the same item of the same state, within [-1, 1], of 1 to 4 digits and the length they need', () => {
    const lengths = new Set<number>()
    for (let seed = 0; seed < 60; seed++) {
      const item = makeDigits(new Rng(seed), train)
      const digits = item.truth as number[]
      const { rate, samples } = heard(item)
      lengths.add(digits.length)
      expect(item.turns).toEqual([
        { kind: 'digits', question: 'which digits?\n', answer: { text: `${digits.join(' ')}\n` } },
      ])
      expect(item.signature === null).toBe(digits.length === 1)
      expect(samples.every((x) => Math.abs(x) <= 1)).toBe(true)
      expect(samples.length / rate).toBeGreaterThanOrEqual(0.24 * digits.length)
      expect(samples.length / rate).toBeLessThanOrEqual(0.36 * digits.length + 0.04)
      if (seed < 5) expect(makeDigits(new Rng(seed), train)).toEqual(item)
    }
    expect([...lengths].sort()).toEqual([1, 2, 3, 4])
  })

  it('holds out sequences of two or more, heard and said under one signature', () => {
    const rng = new Rng(4)
    for (let i = 0; i < 10; i++) {
      const item = makeSay(rng, { seed: 0, test: true })
      const digits = item.truth as number[]
      expect(digits.length).toBeGreaterThan(1)
      expect(item.signature).toBe(`digits ${digits.join(' ')}`)
      expect(item.turns[0].question).toBe(`say ${digits.join(' ')}\n`)
      expect(item.turns[0].answer).toEqual({ sound: sayDigits(digits), target: true })
    }
  })

  it('says a digit as the same samples wherever it stands', () => {
    const { samples } = sayDigits([3, 1, 3])
    expect(samples.length).toBe(3 * saidSlot)
    expect(saidSlot % 640).toBe(0)
    expect(samples.slice(0, saidSlot)).toEqual(samples.slice(2 * saidSlot))
    expect(samples.slice(0, saidSlot)).not.toEqual(samples.slice(saidSlot, 2 * saidSlot))
  })
})
