import { describe, expect, it } from 'vitest'
import { invertLogMel, type Sound, soundFrames } from '../../media/index.ts'
import { Rng } from '../../util/index.ts'
import { readTones } from './readTones.ts'
import { makePlay, makeTones, type NoteName, noteFrequency, noteNames, playNotes } from './tones.ts'
import type { WorldItem } from './types.ts'

const train = { seed: 0, test: false }

function heard(item: WorldItem): Sound {
  const [part] = item.media
  if (!('sound' in part)) throw new Error('expected a sound')
  return part.sound
}

function played(item: WorldItem): Sound {
  const { answer } = item.turns[0]
  if (!('sound' in answer)) throw new Error('expected a sound')
  return answer.sound
}

/** Hz of the strongest line below 560 Hz, by a plain Fourier sum. */
function strongest(samples: Float32Array, rate: number): number {
  let [best, most] = [0, -1]
  for (let hertz = 230; hertz < 560; hertz += 2) {
    let [re, im] = [0, 0]
    for (const [n, x] of samples.entries()) {
      re += x * Math.cos((2 * Math.PI * hertz * n) / rate)
      im += x * Math.sin((2 * Math.PI * hertz * n) / rate)
    }
    if (re * re + im * im > most) [best, most] = [hertz, re * re + im * im]
  }
  return best
}

describe('tones', () => {
  it('has the frequencies of the tempered scale', () => {
    expect(noteFrequency('A')).toBe(440)
    expect(noteFrequency('C')).toBeCloseTo(261.626, 2)
    expect(noteFrequency('c') / noteFrequency('C')).toBeCloseTo(2, 10)
  })

  it('sounds the notes that it names: the strongest line of each 160 ms is at the frequency of the note', () => {
    const rng = new Rng(3)
    for (let i = 0; i < 6; i++) {
      const item = makeTones(rng, train)
      const { rate, samples } = heard(item)
      const notes = item.truth as NoteName[]
      const offset = samples.length - notes.length * 0.16 * rate
      expect(offset).toBeGreaterThanOrEqual(0)
      expect(offset).toBeLessThanOrEqual(0.04 * rate)
      for (const [n, note] of notes.entries()) {
        const slot = samples.subarray(offset + n * 2560 + 200, offset + (n + 1) * 2560 - 200)
        expect(Math.abs(strongest(slot, rate) - noteFrequency(note))).toBeLessThan(4)
      }
      expect(item.turns).toEqual([
        { kind: 'notes', question: 'which notes?\n', answer: { text: `${notes.join(' ')}\n` } },
      ])
    }
  })

  it('makes the same item of the same state, other sounds of the same notes of another', () => {
    expect(makeTones(new Rng(5), train)).toEqual(makeTones(new Rng(5), train))
    expect(makeTones(new Rng(5), train)).not.toEqual(makeTones(new Rng(6), train))
    expect(makePlay(new Rng(5), train)).toEqual(makePlay(new Rng(5), train))
  })

  it('stays within [-1, 1], draws every note and every length, and holds out no pairs', () => {
    const rng = new Rng(1)
    const seen = new Set<string>()
    const lengths = new Set<number>()
    for (let i = 0; i < 60; i++) {
      const item = makeTones(rng, train)
      const notes = item.truth as NoteName[]
      for (const note of notes) seen.add(note)
      lengths.add(notes.length)
      expect(item.signature === null).toBe(notes.length === 2)
      expect(heard(item).samples.every((x) => Math.abs(x) <= 1)).toBe(true)
      expect((makeTones(rng, { seed: 0, test: true }).truth as NoteName[]).length).toBeGreaterThan(2)
    }
    expect([...seen].sort()).toEqual([...noteNames].sort())
    expect([...lengths].sort()).toEqual([2, 3, 4, 5])
  })

  it('plays a note as the same samples wherever it stands', () => {
    const { samples } = playNotes(['C', 'E', 'C'])
    expect(samples.slice(0, 2560)).toEqual(samples.slice(5120))
    expect(samples.length).toBe(3 * 2560)
  })
})

describe('readTones', () => {
  it('reads what makePlay plays and makeTones sounds', () => {
    const rng = new Rng(7)
    for (let i = 0; i < 25; i++) {
      const play = makePlay(rng, train)
      expect(play.turns[0].question).toBe(`play ${readTones(played(play))}\n`)
      const item = makeTones(rng, train)
      expect(`${readTones(heard(item))}\n`).toBe((item.turns[0].answer as { text: string }).text)
    }
  })

  it('reads notes through a mel spectrum that is disturbed and made audible again', () => {
    const rng = new Rng(8)
    for (const mels of [128, 64]) {
      const sound = playNotes(noteNames)
      const { frames } = soundFrames(sound, { features: 'log_mel', mels })
      const disturbed = frames.map((x) => x + 0.1 * rng.normal())
      expect(readTones(invertLogMel(disturbed, { mels, iterations: 20 }))).toBe(noteNames.join(' '))
    }
  })

  it('marks silence inside, drops it at the end, and reads as many notes as it is asked for', () => {
    const { rate, samples } = playNotes(['G', 'A', 'B'])
    const gap = new Float32Array(5 * 2560)
    gap.set(samples)
    gap.fill(0, 2560, 5120)
    expect(readTones({ rate, samples: gap })).toBe('G - B')
    expect(readTones({ rate, samples }, 2)).toBe('G A')
    expect(readTones({ rate, samples }, 4)).toBe('G A B -')
    expect(readTones({ rate, samples: new Float32Array(0) })).toBe('')
    expect(readTones({ rate, samples: new Float32Array(2560) }, 1)).toBe('-')
  })
})
