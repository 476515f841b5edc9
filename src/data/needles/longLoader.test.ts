import { expect, test } from 'vitest'
import { ByteTokenizer } from '../../testing/index.ts'
import { Loader } from '../loader.ts'
import type { TokenStream } from '../tokenStream.ts'
import { generatedFiller } from './filler.ts'
import { LongLoader, type LongSort } from './longLoader.ts'
import { NeedleWriter } from './needles.ts'

const tokenizer = new ByteTokenizer()
const shape = { batch: 2, time: 1024 }
const bytesOfToken = Int32Array.from({ length: 258 }, (_, id) => (id < 256 ? 1 : 0))
const stream: TokenStream = {
  tokens: Int32Array.from({ length: 9000 }, (_, i) => (i === 0 ? 256 : 97 + ((i * i) % 26))),
  starts: Int32Array.of(0, 9000),
  bytesOfToken,
  bosId: 256,
  fingerprint: 'test',
}

function open(shares: Record<LongSort, number> = { text: 1, needles: 2, twice: 1 }): LongLoader {
  const sources = { writer: new NeedleWriter(tokenizer), filler: generatedFiller(tokenizer), bosId: 256 }
  const separator = Int32Array.of(10, 10)
  return new LongLoader(new Loader(stream, shape), sources, { ...shape, seed: 7, shares, bytesOfToken, separator })
}

test('each sort of batch comes as often as its share says, and is spread evenly', () => {
  const loader = open()
  const sorts = Array.from({ length: 400 }, (_, i) => loader.sortOf(i))
  for (const [sort, share] of Object.entries({ text: 0.25, needles: 0.5, twice: 0.25 })) {
    for (const from of [0, 40, 200]) {
      const part = sorts.slice(from, from + 40).filter((each) => each === sort).length
      expect(Math.abs(part - 40 * share)).toBeLessThanOrEqual(2)
    }
  }
})

test('targets are the next token of the same document, places count from its start', () => {
  const loader = open({ text: 0, needles: 1, twice: 1 })
  for (let i = 0; i < 20; i++) {
    const batch = loader.next()
    const { ids, targets, segmentStart, positions } = batch
    const rows = [...targets.keys()].filter((row) => targets[row] >= 0)
    expect(rows.length).toBeGreaterThan(0)
    expect(batch.numBytes).toBe(rows.length)
    expect(rows.map((row) => ids[row + 1])).toEqual(rows.map((row) => targets[row]))
    expect(rows.map((row) => segmentStart[row + 1])).toEqual(rows.map((row) => segmentStart[row]))
    expect(positions).toEqual(positions.map((_, row) => (row % shape.time) - segmentStart[row]))
  }
})

test('a loader that is restored goes on with the batches that followed', () => {
  const loader = open()
  for (let i = 0; i < 5; i++) loader.next()
  const state = JSON.parse(JSON.stringify(loader.state())) as unknown
  const expected = Array.from({ length: 6 }, () => loader.next())
  const again = open()
  again.restore(state)
  expect(Array.from({ length: 6 }, () => again.next())).toEqual(expected)
})

test('a place in another mixture, or none, is refused', () => {
  const state = open().state()
  expect(() => open({ text: 1, needles: 1, twice: 1 }).restore(state)).toThrow('resume must keep the shares')
  expect(() => open().restore({})).toThrow('a loader state must hold served, text and shares, got {}')
  expect(() => open({ text: 0, needles: 0, twice: 0 })).toThrow(
    'shares must be numbers of at least 0, one of them above',
  )
})
