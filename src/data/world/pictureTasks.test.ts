// Captions, questions, drawings and edits against a second reading of the same pictures: the words are parsed here and
// answered from what `readScene` finds in the pixels, without the program's own plan.
import { describe, expect, it } from 'vitest'
import type { Picture } from '../../media/index.ts'
import { worldDocument, worldQuestions } from './document.ts'
import { judgeScene } from './judgeScene.ts'
import { readScene, type FoundObject } from './readScene.ts'

const split = (text: string) => text.trim().split(' ')
const article = (words: string) => new RegExp(`^${words}$`)

/** The one object that `the red circle` or `the circle` means. */
function the(name: string, seen: FoundObject[]): FoundObject {
  const words = split(name)
  const found = seen.filter((one) => words.every((word) => word === one.color || word === one.shape))
  expect(found, name).toHaveLength(1)
  return found[0]
}

/** Whether a relation holds between middles, in pixels. */
function lies(a: FoundObject, relation: string, b: FoundObject): boolean {
  const apart = { 'left of': b.x - a.x, 'right of': a.x - b.x, above: b.y - a.y, below: a.y - b.y }[relation]
  expect(apart, relation).toBeDefined()
  return (apart ?? 0) > 5
}

const say = (one: FoundObject) => `a ${one.size} ${one.color} ${one.shape}`

/** The caption by the rules of the task, from pixels. */
function caption(seen: FoundObject[]): string {
  if (seen.length === 1) return `${say(seen[0])} at the ${seen[0].cell}`
  if (seen.length === 3) return `${say(seen[0])}, ${say(seen[1])} and ${say(seen[2])}`
  const [a, b] = seen
  if (lies(a, 'left of', b)) return `${say(a)} left of ${say(b)}`
  if (lies(b, 'left of', a)) return `${say(b)} left of ${say(a)}`
  return `${say(a)} above ${say(b)}`
}

type Rule = [RegExp, (seen: FoundObject[], ...words: string[]) => string]
const yes = (is: boolean) => (is ? 'yes' : 'no')

const rules: Rule[] = [
  [/^describe$/, caption],
  [/^(?:what color is|which color does) the (\w+)(?: have)?\?$/, (seen, name) => the(name, seen).color],
  [/^(?:what shape is|which shape is the) (\w+)(?: object)?\?$/, (seen, name) => the(name, seen).shape],
  [/^how many objects (?:are there|do you see)\?$/, (seen) => `${seen.length}`],
  [/^how many (\w+) objects are there\?$/, (seen, color) => `${seen.filter((one) => one.color === color).length}`],
  [/^how many objects are (\w+)\?$/, (seen, color) => `${seen.filter((one) => one.color === color).length}`],
  [/^where (?:is|do you see) the ([\w ]+)\?$/, (seen, name) => the(name, seen).cell],
  [/^(?:how big|what size) is the ([\w ]+)\?$/, (seen, name) => the(name, seen).size],
  [
    /^(?:is there|do you see) a (\w+) (\w+)\?$/,
    (seen, color, shape) => yes(seen.some((one) => one.color === color && one.shape === shape)),
  ],
  [
    /^is the ([\w ]+?) (left of|right of|above|below) the ([\w ]+)\?$/,
    (seen, a, relation, b) => yes(lies(the(a, seen), relation, the(b, seen))),
  ],
  [
    /^what (?:is|do you see) (left of|right of|above|below) the ([\w ]+)\?$/,
    (seen, relation, name) => {
      const beside = seen.filter((one) => one !== the(name, seen) && lies(one, relation, the(name, seen)))
      expect(beside).toHaveLength(1)
      return `a ${beside[0].color} ${beside[0].shape}`
    },
  ],
]

function derive(question: string, seen: FoundObject[]): string {
  for (const [pattern, rule] of rules) {
    const match = pattern.exec(question.trim())
    if (match !== null) return `${rule(seen, ...match.slice(1))}\n`
  }
  throw new Error(`no rule for ${question}`)
}

function pictureOf(part: unknown): Picture {
  return (part as { picture: Picture }).picture
}

function textOf(part: unknown): string {
  return (part as { text: string }).text
}

describe('scenes', () => {
  it('have captions and answers that agree with what is seen in their pixels', () => {
    const kinds = new Map<string, number>()
    for (let index = 0; index < 300; index++) {
      const asked = worldQuestions({ seed: 3, split: 'test', index, task: 'scene' })
      const seen = readScene(pictureOf(asked[0].prompt[0]))
      for (const { kind, prompt, answer } of asked) {
        expect(prompt).toHaveLength(2)
        expect(derive(textOf(prompt[1]), seen), textOf(prompt[1])).toBe(answer)
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      }
    }
    expect(kinds.size).toBe(10)
    for (const count of kinds.values()) expect(count).toBeGreaterThan(100)
  })

  it('are documents of a picture and turns, questions read and answers predicted', () => {
    for (let index = 0; index < 200; index++) {
      const { parts } = worldDocument({ seed: 3, split: 'train', index, task: 'scene' })
      const seen = readScene(pictureOf(parts[0]))
      expect(parts).toHaveLength(11)
      for (let at = 1; at < parts.length; at += 2) {
        expect(parts[at].target).toBe(false)
        expect(parts[at + 1].target).not.toBe(false)
        expect(derive(textOf(parts[at]), seen)).toBe(textOf(parts[at + 1]))
      }
    }
  })

  it('answer yes as often as no', () => {
    const answers = { relation: [0, 0], presence: [0, 0] }
    for (let index = 0; index < 1000; index++) {
      for (const { kind, answer } of worldQuestions({ seed: 4, split: 'train', index, task: 'scene' })) {
        if (kind === 'relation' || kind === 'presence') answers[kind][answer === 'yes\n' ? 0 : 1]++
      }
    }
    for (const [yes, no] of Object.values(answers)) expect(Math.abs(yes / (yes + no) - 0.5)).toBeLessThan(0.06)
  })
})

describe('drawings', () => {
  it('show what their prompt says, parsed from its words, and no more', () => {
    const object = '(?:a )?(?:(small|big) )?(\\w+) (\\w+)'
    const one = article(`draw ${object}(?: at the ([\\w ]+))?`)
    const two = article(`draw ${object} (left of|right of|above|below) ${object}`)
    for (let index = 0; index < 300; index++) {
      const [asked] = worldQuestions({ seed: 3, split: 'test', index, task: 'draw' })
      const prompt = textOf(asked.prompt[0]).trim()
      const picture = asked.truth.picture as Picture
      const seen = readScene(picture)
      expect(judgeScene(picture, asked.truth.wanted ?? { objects: [] })).toMatchObject({ right: true })
      const pair = two.exec(prompt)
      const single = pair === null ? one.exec(prompt) : null
      const is = (found: FoundObject, size: string | undefined, color: string, shape: string) =>
        found.size === (size ?? 'big') && found.color === color && found.shape === shape
      if (pair !== null) {
        const [, size, color, shape, relation, size2, color2, shape2] = pair
        expect(seen).toHaveLength(2)
        const first = seen.find((found) => is(found, size, color, shape)) as FoundObject
        const second = seen.find((found) => found !== first && is(found, size2, color2, shape2)) as FoundObject
        expect(lies(first, relation, second)).toBe(true)
      } else {
        const [, size, color, shape, cell] = single as unknown as string[]
        expect(seen).toHaveLength(1)
        expect(is(seen[0], size, color, shape)).toBe(true)
        expect(seen[0].cell).toBe(cell ?? 'center')
      }
    }
  })
})

describe('edits', () => {
  it('change what their words say and leave the rest as it was', () => {
    const other = (seen: FoundObject[], name: string) => seen.filter((one) => one !== the(name, seen))
    const names = (seen: FoundObject[]) => seen.map((one) => `${say(one)} at the ${one.cell}`).sort()
    const with_ = (one: FoundObject, change: object) => ({ ...one, ...change })
    for (let index = 0; index < 300; index++) {
      const { parts } = worldDocument({ seed: 3, split: 'train', index, task: 'edit' })
      const [before, after] = [readScene(pictureOf(parts[0])), readScene(pictureOf(parts[2]))]
      const words = textOf(parts[1]).trim()
      const [, make, value] = /^make the ([\w ]+) (\w+)$/.exec(words) ?? []
      const [, turn, shape] = /^turn the ([\w ]+) into a (\w+)$/.exec(words) ?? []
      const [, remove] = /^remove the ([\w ]+)$/.exec(words) ?? []
      const [, move, cell] = /^move the ([\w ]+?) to the ([\w ]+)$/.exec(words) ?? []
      const name = make ?? turn ?? remove ?? move
      const size = value === 'small' || value === 'big'
      const change =
        make !== undefined ? (size ? { size: value } : { color: value }) : turn !== undefined ? { shape } : { cell }
      const expected = remove === undefined ? [with_(the(name, before), change)] : []
      expect(names(after), words).toEqual(names([...other(before, name), ...expected]))
      expect(names(after)).not.toEqual(names(before))
      expect(parts[2].target).toBe(true)
    }
  })

  it('have a right picture that the judge takes, while the picture before is refused', () => {
    for (let index = 0; index < 200; index++) {
      const [{ prompt, truth }] = worldQuestions({ seed: 3, split: 'test', index, task: 'edit' })
      const wanted = truth.wanted ?? { objects: [] }
      expect(judgeScene(truth.picture as Picture, wanted)).toMatchObject({ right: true })
      expect(judgeScene(pictureOf(prompt[0]), wanted).right).toBe(false)
    }
  })
})
