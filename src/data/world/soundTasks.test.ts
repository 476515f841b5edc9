// Tunes, digits and clips against what is heard and seen in the samples and pixels alone.
import { describe, expect, it } from 'vitest'
import { logMel, type Clip, type Sound } from '../../media/index.ts'
import { Rng } from '../../util/index.ts'
import { sayDigits, speakDigits } from './digitTask.ts'
import { worldQuestions } from './document.ts'
import { readSaid, readTones } from './readSound.ts'
import { background } from './render.ts'
import { playNotes } from './toneTask.ts'

const soundOf = (part: unknown) => (part as { sound: Sound }).sound

describe('tunes', () => {
  it('are heard as their notes, in any timbre', () => {
    for (let index = 0; index < 200; index++) {
      const [{ prompt, answer }] = worldQuestions({ seed: 5, split: 'test', index, task: 'tones' })
      expect(`${readTones(soundOf(prompt[0])).join(' ')}\n`).toBe(answer)
    }
  })

  it('are heard as what the prompt says when played, and as nothing else with a note changed', () => {
    for (let index = 0; index < 100; index++) {
      const [{ prompt, truth }] = worldQuestions({ seed: 5, split: 'test', index, task: 'play' })
      const heard = readTones(truth.sound as Sound)
      expect(prompt).toEqual([{ text: `play ${heard.join(' ')}\n`, target: false }])
    }
    expect(readTones(playNotes(['C', 'c', 'E', 'F']))).toEqual(['C', 'c', 'E', 'F'])
  })

  it('hold no note in silence and an unknown one in noise', () => {
    const rng = new Rng(1)
    const noise = Float32Array.from({ length: 5120 }, () => 0.1 * rng.normal())
    expect(readTones({ rate: 16000, samples: new Float32Array(5120) })).toEqual([])
    expect(readTones({ rate: 16000, samples: noise })).toEqual(['?', '?'])
    expect(() => readTones({ rate: 8000, samples: noise })).toThrow(/must be at 16000 Hz/)
  })
})

describe('digits', () => {
  it('last 200 to 280 ms with pauses of 40 to 80 ms', () => {
    for (let index = 0; index < 100; index++) {
      const [{ prompt, truth }] = worldQuestions({ seed: 5, split: 'test', index, task: 'digits' })
      const count = truth.digits?.length ?? 0
      const { samples } = soundOf(prompt[0])
      expect(samples.length % 640).toBe(0)
      expect(samples.length).toBeGreaterThanOrEqual(count * 3200 + (count - 1) * 640)
      expect(samples.length).toBeLessThan(count * 4480 + (count - 1) * 1280 + 2 * 640)
    }
  })

  it('sound alike from any speaker: the nearest of 40 known speakers tells the digit', () => {
    const rng = new Rng(6)
    // 30 ms steps over the first 240 ms, loudness taken out
    const features = (digit: number) => {
      const { samples } = speakDigits([digit], rng)
      const { spectrum, hops } = logMel(samples, { mels: 20, hops: 30 })
      const mean = spectrum.reduce((a, b) => a + b) / spectrum.length
      return Array.from({ length: hops / 3 }, (_, i) => [...spectrum.subarray(i * 60, i * 60 + 20)])
        .flat()
        .map((value) => value - mean)
    }
    const known = Array.from({ length: 400 }, (_, i) => ({ digit: i % 10, row: features(i % 10) }))
    let right = 0
    for (let i = 0; i < 200; i++) {
      const row = features(i % 10)
      const distance = (other: number[]) => other.reduce((sum, value, k) => sum + (value - row[k]) ** 2, 0)
      const nearest = known.reduce((a, b) => (distance(b.row) < distance(a.row) ? b : a))
      if (nearest.digit === i % 10) right++
    }
    expect(right).toBeGreaterThanOrEqual(190)
  })

  it('are heard as what was said, also through noise and at another loudness', () => {
    const rng = new Rng(7)
    const digits = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]
    const { rate, samples } = sayDigits(digits)
    expect(readSaid({ rate, samples })).toEqual(digits)
    expect(readSaid({ rate, samples: samples.map((value) => 0.4 * value + 0.01 * rng.normal()) })).toEqual(digits)
  })

  it('say one sound for one digit, in step with frames of 40 ms', () => {
    const [once, again] = [sayDigits([7]).samples, sayDigits([2, 7]).samples]
    expect(once.length % 640).toBe(0)
    expect(again.subarray(once.length)).toEqual(once)
  })
})

/** Middle of what is not background, in pixels. */
function middle({ data, width }: Clip['frames'][number]['picture']): [number, number] {
  let [x, y, mass] = [0, 0, 0]
  for (let pixel = 0; pixel < data.length / 3; pixel++) {
    const weight = background.reduce((sum, value, c) => sum + Math.abs(data[pixel * 3 + c] - value), 0)
    x += weight * ((pixel % width) + 0.5)
    y += weight * (Math.floor(pixel / width) + 0.5)
    mass += weight
  }
  return [x / mass, y / mass]
}

function motionOf({ frames }: Clip): string {
  const [first, last] = [middle(frames[0].picture), middle(frames[frames.length - 1].picture)]
  const [right, down] = [last[0] - first[0], last[1] - first[1]]
  if (Math.hypot(right, down) < 1) return 'still'
  // at least half of the frame, less what the edge may hide
  expect(Math.hypot(right, down)).toBeGreaterThan(7)
  if (Math.abs(right) > Math.abs(down)) return right > 0 ? 'right' : 'left'
  return down > 0 ? 'down' : 'up'
}

/** Crossings of zero from below in a stretch: a measure of pitch for a clean tone. */
function crossings(samples: Float32Array): number {
  let count = 0
  let below = true
  const loudest = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (const value of samples) {
    if (below && value > 0.3 * loudest) count++
    if (value > 0.3 * loudest) below = false
    else if (value < 0) below = true
  }
  return count
}

function pitchOf({ samples }: Sound): string {
  const [first, last] = [crossings(samples.subarray(800, 4800)), crossings(samples.subarray(11200, 15200))]
  if (last > 1.2 * first) return 'rises'
  return first > 1.2 * last ? 'falls' : 'steady'
}

function beepsIn({ samples }: Sound): number {
  const loud = Array.from({ length: 100 }, (_, i) => {
    const stretch = samples.subarray(i * 160, i * 160 + 160)
    return Math.sqrt(stretch.reduce((sum, value) => sum + value * value, 0) / 160) > 0.07
  })
  return loud.filter((is, i) => is && !(loud[i - 1] ?? false)).length
}

describe('clips', () => {
  it('move and sound as their answers say', () => {
    const kinds = new Set<string>()
    for (let index = 0; index < 200; index++) {
      for (const { kind, prompt, answer } of worldQuestions({ seed: 5, split: 'test', index, task: 'clip' })) {
        const { clip } = prompt[0] as { clip: Clip }
        kinds.add(kind)
        expect(clip.frames.map(({ time }) => time)).toEqual([0, 0.25, 0.5, 0.75])
        if (kind === 'motion') expect(motionOf(clip)).toBe(answer.trim())
        if (kind === 'pitch') expect(pitchOf(clip.sound as Sound)).toBe(answer.trim())
        if (kind === 'beeps') expect(`${beepsIn(clip.sound as Sound)}`).toBe(answer.trim())
      }
    }
    expect([...kinds].sort()).toEqual(['beeps', 'motion', 'object', 'pitch'])
  })
})
