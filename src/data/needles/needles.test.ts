import { expect, test } from 'vitest'
import { ByteTokenizer } from '../../testing/index.ts'
import { Rng } from '../../util/index.ts'
import { needleDocument, needleProbe } from './document.ts'
import { generatedFiller, streamFiller } from './filler.ts'
import { needleKinds, NeedleWriter } from './needles.ts'
import { twiceDocument } from './twice.ts'

const tokenizer = new ByteTokenizer()
const writer = new NeedleWriter(tokenizer)
const sources = { writer, filler: generatedFiller(tokenizer), bosId: tokenizer.bosId }

/** The answer that a haystack gives about a name, read from its text: an independent reading of the phrases. */
function read(text: string, kind: string, name: string): string {
  const follow = (from: string): string => new RegExp(`Code: ${from} (\\w+)\\.`).exec(text)![1]
  const first = follow(name)
  if (kind !== 'aggregated') return ` ${first}`
  const second = follow(first)
  return ` ${first}, ${first} ${second}, ${second} ${follow(second)}`
}

test('every answer of a document is what its haystack says, and only answers are predicted', () => {
  for (let index = 0; index < 30; index++) {
    const document = needleDocument(sources, { seed: 1, index, length: 3000 })
    expect(document.ids).toHaveLength(3000)
    const haystack = tokenizer.decode(document.ids.subarray(1, document.haystack))
    const counted = new Uint8Array(document.ids.length)
    for (const { fact, answerAt } of document.asked) {
      const answer = tokenizer.decode(document.ids.subarray(answerAt, answerAt + fact.answer.length))
      expect(answer).toBe(read(haystack, fact.kind, fact.name))
      counted.fill(1, answerAt, answerAt + fact.answer.length)
    }
    expect(document.asked.length).toBeGreaterThan(0)
    expect(document.counted).toEqual(counted)
  }
})

test('a probe holds its needle at the depth that was asked for', () => {
  for (const kind of needleKinds) {
    for (const depth of [0, 0.25, 0.5, 1]) {
      const { ids, haystack, asked } = needleProbe(sources, { seed: 2, index: 0, length: 4000, kind, depths: [depth] })
      expect(ids).toHaveLength(4000)
      expect(asked).toHaveLength(1)
      const text = tokenizer.decode(ids.subarray(1, haystack))
      const [{ fact }] = asked
      // other needles before it shift its place a little
      expect(Math.abs(text.indexOf(`Code: ${fact.name} `) / text.length - depth)).toBeLessThan(0.15)
      const needles = text.match(/\nCode: \w+ \w+\./g) ?? []
      expect(needles).toHaveLength({ single: 1, multiple: 8, aggregated: 24 }[kind])
    }
  }
})

test('training and tests share no pair of name and value', () => {
  const pairs = (split: 'train' | 'test') =>
    new Set(
      Array.from({ length: 60 }, (_, i) =>
        writer
          .facts(new Rng(i), { kinds: Array(30).fill(i % 2 ? 'aggregated' : 'multiple'), split })
          .flatMap(({ needles }) => needles.map((ids) => tokenizer.decode(ids))),
      ).flat(),
    )
  const [train, test] = [pairs('train'), pairs('test')]
  expect(train.size).toBeGreaterThan(1000)
  expect(test.size).toBeGreaterThan(300)
  expect([...test].filter((pair) => train.has(pair))).toEqual([])
})

test('a document follows from its seed, number and length alone', () => {
  const make = (seed: number, index: number) => needleDocument(sources, { seed, index, length: 1000 }).ids
  expect(make(3, 4)).toEqual(make(3, 4))
  expect(make(3, 4)).not.toEqual(make(3, 5))
  expect(make(3, 4)).not.toEqual(make(4, 4))
})

test('a document too short for its needles is refused with the length that it needs', () => {
  expect(() => needleProbe(sources, { seed: 0, index: 0, length: 50, kind: 'multiple', depths: [0.5] })).toThrow(
    /must hold its needles and questions, \d+ tokens, got 50/,
  )
})

test('what is predicted of a text read twice stands in its first reading, after the tokens that stand before it', () => {
  const separator = Int32Array.of(300, 301)
  // tokens that come once, so that each tells where it is from
  const filler = (_: Rng, count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => 1000 + i)
  const distances = new Set<number>()
  for (let index = 0; index < 20; index++) {
    const { ids, counted } = twiceDocument({ filler, bosId: 256, separator }, { seed: 5, index, length: 500 })
    expect(ids).toHaveLength(500)
    let seen = 0
    for (let i = 1; i < 500; i++) {
      if (counted[i] === 0) continue
      seen++
      const first = ids.indexOf(ids[i])
      expect(first).toBe(ids[i] - 999)
      distances.add(i - first)
    }
    expect(seen).toBeGreaterThan(100)
  }
  expect(distances.size).toBeGreaterThan(40)
})

test('a haystack of a corpus is its text without the marks between documents, from a random place on', () => {
  const bytesOfToken = Int32Array.from({ length: 258 }, (_, id) => (id < 256 ? 1 : 0))
  const tokens = Int32Array.of(256, 10, 11, 12, 257, 256, 13, 14, 257)
  const filler = streamFiller({ tokens, bytesOfToken })
  const round = [10, 11, 12, 13, 14]
  for (let seed = 0; seed < 20; seed++) {
    const ids = [...filler(new Rng(seed), 12)]
    const start = round.indexOf(ids[0])
    expect(ids).toEqual(Array.from({ length: 12 }, (_, i) => round[(start + i) % 5]))
  }
  expect(streamFiller({ tokens: Int32Array.of(256, 257), bytesOfToken })(new Rng(0), 5)).toHaveLength(0)
})
