import { describe, expect, it } from 'vitest'
import type { MediaPart } from '../mediaPart.ts'
import { worldDocument, worldQuestions } from './document.ts'
import { factKinds, factsOf } from './knowledge.ts'
import { worldTasks, type WorldSplit, type WorldTask } from './types.ts'

/** What an item is about, from what can be seen of it from outside. */
function contentsOf(task: WorldTask, split: WorldSplit, index: number): string[] {
  const seed = split === 'train' ? 1 : 2
  const { parts } = worldDocument({ seed: 1, split, index, task })
  const [{ prompt, answer, truth }] = worldQuestions({ seed, split, index, task })
  const texts = (list: MediaPart[]) => list.flatMap((part) => ('text' in part ? [part.text] : []))
  if (task === 'scene')
    return [JSON.stringify(truth.scene?.map(({ size, color, shape, cell }) => [size, color, shape, cell]))]
  if (task === 'tones' || task === 'digits') return [answer]
  if (task === 'clip') return [JSON.stringify(truth.clip)]
  if (task === 'draw') return [Buffer.from(truth.picture?.data ?? []).toString('base64'), ...texts(prompt)]
  if (task === 'edit') {
    const [before, after] = [prompt[0], { picture: truth.picture }] as { picture: { data: Uint8Array } }[]
    return [Buffer.concat([before.picture.data, after.picture.data]).toString('base64')]
  }
  // of facts, the words of the questions; both sides of one world
  if (task === 'facts')
    return split === 'train' ? texts(parts) : texts(worldQuestions({ seed: 1, split, index, task })[0].prompt)
  return texts(prompt)
}

describe('the generated world', () => {
  it.each(worldTasks)('shares no content of %s between train and test, whatever the seeds', (task) => {
    const isHeard = task === 'tones' || task === 'digits' || task === 'clip' || task === 'play'
    const count = { train: isHeard ? 1000 : 4000, test: 300 }
    const sides = (['train', 'test'] as const).map(
      (split) => new Set(Array.from({ length: count[split] }, (_, index) => contentsOf(task, split, index)).flat()),
    )
    expect(sides[1].size).toBeGreaterThan(15)
    for (const content of sides[1]) expect(sides[0].has(content), content).toBe(false)
  })

  it.each(worldTasks)('makes the same %s for the same seed, side and number, and another otherwise', (task) => {
    const at = { seed: 9, split: 'train', index: 7, task } as const
    expect(worldDocument(at)).toEqual(worldDocument(at))
    expect(worldQuestions(at)).toEqual(worldQuestions(at))
    const documents = Array.from({ length: 20 }, (_, i) => worldDocument({ ...at, seed: 9 + (i % 2), index: i }).parts)
    expect(new Set(documents.map((parts) => JSON.stringify(parts))).size).toBeGreaterThan(15)
  })

  it('keeps every sample in [-1, 1], every text lower case and ended by one newline', () => {
    for (let index = 0; index < 600; index++) {
      for (const part of worldDocument({ seed: 1, split: 'train', index }).parts) {
        if ('text' in part) expect(part.text).toMatch(/^[^\n]+\n$/)
        const sound = 'sound' in part ? part.sound : 'clip' in part ? part.clip.sound : undefined
        if (sound === undefined) continue
        expect(sound.rate).toBe(16000)
        expect(sound.samples.every((value) => Math.abs(value) <= 1)).toBe(true)
        expect(sound.samples.some((value) => Math.abs(value) > 0.05)).toBe(true)
      }
    }
  })

  it('draws tasks by the mixture asked for', () => {
    const counts = new Map<string, number>()
    for (let index = 0; index < 2000; index++) {
      const { task } = worldDocument({ seed: 1, split: 'train', index, mixture: { arithmetic: 3, facts: 1, scene: 0 } })
      counts.set(task, (counts.get(task) ?? 0) + 1)
    }
    expect([...counts.keys()].sort()).toEqual(['arithmetic', 'facts'])
    expect(Math.abs((counts.get('facts') ?? 0) / 2000 - 0.25)).toBeLessThan(0.04)
  })

  it('names what it wanted when asked for the impossible', () => {
    const at = { seed: 1, split: 'train', index: 0 } as const
    expect(() => worldDocument({ ...at, task: 'scen' as WorldTask })).toThrow(
      /task must be one of scene, .* got 'scen'/,
    )
    expect(() => worldDocument({ ...at, mixture: {} })).toThrow(/weights of a mixture must be positive/)
    expect(() => worldDocument({ ...at, index: -1 })).toThrow(/whole numbers from 0, got 1 and -1/)
    expect(() => worldDocument({ ...at, split: 'dev' as WorldSplit })).toThrow(/split must be train or test, got 'dev'/)
  })
})

describe('arithmetic', () => {
  it('is right', () => {
    for (let index = 0; index < 500; index++) {
      const [{ prompt, answer }] = worldQuestions({ seed: 1, split: 'test', index, task: 'arithmetic' })
      const [, a, sign, b] = /^(\d+) ([+x-]) (\d+) =\n$/.exec((prompt[0] as { text: string }).text) ?? []
      const result = { '+': Number(a) + Number(b), '-': Number(a) - Number(b), x: Number(a) * Number(b) }[sign]
      expect(Number(answer)).toBe(result)
      expect(result).toBeGreaterThanOrEqual(0)
    }
  })
})

describe('facts', () => {
  it('are one answer to one question through all documents and tests of a world', () => {
    const answers = new Map<string, string>()
    const known = new Set(factsOf(1).map(({ subject, value }) => `${subject} ${value}`))
    const names = new Set(factsOf(1).flatMap(({ subject }) => subject))
    let told = 0
    for (let index = 0; index < 2000; index++) {
      const { parts } = worldDocument({ seed: 1, split: 'train', index, task: 'facts' })
      parts.forEach((part, at) => {
        const text = (part as { text: string }).text
        const subject = text.split(/[ .?]/).find((word) => names.has(word))
        if (text.endsWith('?\n')) {
          const answer = (parts[at + 1] as { text: string }).text
          expect(answers.get(text) ?? answer).toBe(answer)
          answers.set(text, answer)
          expect(known.has(`${subject} ${answer.trim()}`)).toBe(true)
        } else if (text.endsWith('.\n')) {
          told++
          expect([...known].some((pair) => pair.split(' ').every((word) => text.match(`\\b${word}\\b`) !== null))).toBe(
            true,
          )
        }
      })
    }
    expect(told).toBeGreaterThan(2000)
  })

  it('belong to the seed: some 60 people and countries, no name twice', () => {
    const facts = factsOf(3)
    expect(new Set(facts.map(({ subject }) => subject)).size).toBe(48)
    expect(new Set(facts.map(({ kind, subject }) => `${kind} ${subject}`)).size).toBe(facts.length)
    expect(new Set(facts.map(({ kind }) => kind))).toEqual(new Set(factKinds))
    expect(factsOf(4)[0].subject).not.toBe(facts[0].subject)
  })
})
