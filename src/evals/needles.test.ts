import { expect, test } from 'vitest'
import { generatedFiller, NeedleWriter } from '../data/index.ts'
import { Decoder, preset } from '../model/index.ts'
import { ByteTokenizer } from '../testing/index.ts'
import { Rng } from '../util/index.ts'
import { changedGrid, changeSentence, sentencesOf } from './changedSentence.ts'
import { type DocumentReader, modelReader } from './likeliest.ts'
import { needleAccuracy, needleGrid } from './needles.ts'

const tokenizer = new ByteTokenizer()
const sources = { writer: new NeedleWriter(tokenizer), filler: generatedFiller(tokenizer), bosId: 256 }
const options = {
  seed: 1,
  kinds: ['single', 'multiple', 'aggregated'],
  lengths: [6000, 4500],
  depths: 3,
  samples: 2,
} as const

/** Answers by looking the question up in the text: knows the phrases, not the builder. */
const lookup: DocumentReader = {
  longest: 10_000,
  likeliest(ids, places) {
    const text = Buffer.from(ids.map((id) => (id < 256 ? id : 0))).toString('latin1')
    return places.map((place) => {
      const line = text.slice(text.lastIndexOf('\n', place - 1) + 1, place)
      const [, kind, name, said] = /^(Code|Path): (\w+?\b)(.*)$/.exec(line)!
      const follow = (from: string): string => new RegExp(`Code: ${from}( \\w+)\\.`).exec(text)![1]
      const first = follow(name)
      const trail = (second: string): string => `${first},${first}${second},${second}${follow(second.trim())}`
      const whole = kind === 'Code' ? first : trail(follow(first.trim()))
      return whole.charCodeAt(said.length)
    })
  },
  surprise: () => new Float32Array(0),
}

test('a reader that looks facts up answers everything; the grid has every cell', async () => {
  const { cells, mistakes } = await needleGrid(lookup, sources, options)
  expect(mistakes).toEqual([])
  expect(needleAccuracy(cells)).toBe(1)
  const keys = cells.map(({ kind, length, depth, asked }) => `${kind} ${length} ${depth} ${asked}`)
  const expected = [4500, 6000].flatMap((length) =>
    options.kinds.flatMap((kind) => [0, 0.5, 1].map((depth) => `${kind} ${length} ${depth} 2`)),
  )
  expect(keys).toEqual(expected)
})

test('one wrong token makes an answer wrong, and it is kept with what was said', async () => {
  const sloppy: DocumentReader = {
    ...lookup,
    likeliest: (ids, places) => lookup.likeliest(ids, places).map((id, i) => (i === 1 ? id + 1 : id)),
  }
  const { cells, mistakes } = await needleGrid(sloppy, sources, { ...options, kinds: ['single'], lengths: [4500] })
  expect(needleAccuracy(cells)).toBe(0)
  expect(mistakes).toHaveLength(6)
  expect(mistakes[0].answer[0]).toBe(32)
  expect(mistakes[0].answer[1]).toBe(mistakes[0].values[0].charCodeAt(0) + 1)
})

test('more depths than a document can ask about are spread over several documents', async () => {
  const { cells } = await needleGrid(lookup, sources, { seed: 0, kinds: ['multiple'], lengths: [8000], depths: 60 })
  expect(cells.map(({ depth }) => depth)).toEqual(Array.from({ length: 60 }, (_, i) => i / 59))
  expect(needleAccuracy(cells)).toBe(1)
})

test('lengths that the model cannot read, or that hold no needles, are refused by name', async () => {
  const ask = (length: number) => needleGrid(lookup, sources, { ...options, lengths: [length] })
  await expect(ask(20_000)).rejects.toThrow('length must be at most 10000 tokens (max_position_embeddings), got 20000')
  await expect(ask(100)).rejects.toThrow(/length must be at least \d+ for 3 depths, got 100/)
})

test('what the reader of a model calls likeliest and surprising follows from the logits of each prefix, across chunks', () => {
  const config = { ...preset('micro').config, vocab_size: 258 }
  const model = new Decoder(config).initialise(new Rng(3))
  // chunks of 6: the document is read through the cache in four of them
  const reader = modelReader(model, { compute: 'f32', chunk: 6 })
  const ids = Int32Array.from({ length: 20 }, (_, i) => (i * 37) % 258)
  const surprise = reader.surprise(ids)
  const places = Int32Array.of(1, 6, 7, 18, 19)
  const likeliest = reader.likeliest(ids, places)
  expect(surprise[0]).toBe(0)
  places.forEach((place, i) => {
    const { hidden } = model.forward({ ids: ids.slice(0, place), batch: 1, time: place }, { compute: 'f32' })
    const logits = model.logits(hidden).subarray((place - 1) * 258)
    expect(likeliest[i]).toBe(logits.indexOf(Math.max(...logits)))
    const sum = logits.reduce((total, x) => total + Math.exp(x), 0)
    expect(surprise[place]).toBeCloseTo(Math.log(sum) - logits[ids[place]], 4)
  })
})

const book = Array.from({ length: 400 }, (_, i) => {
  const words = ['river', 'stone', 'garden', 'window', 'silver', 'morning', 'letter', 'winter']
  return `The ${words[i % 8]} number ${i} was near the ${words[(i * 3 + 1) % 8]}.${i % 9 === 8 ? '\n' : ' '}`
}).join('')

test('a second reading differs in one word of the sentence near the depth, and both fit the length', () => {
  const sentences = sentencesOf(book, tokenizer)
  expect(sentences.map(({ text }) => text).join('')).toBe(book)
  for (const depth of [0, 0.5, 1]) {
    const { first, second, index } = changeSentence(new Rng(4), sentences, { length: 3000, depth, tokenizer })
    const differing = first.flatMap(({ text }, i) => (text === second[i].text ? [] : [i]))
    expect(differing).toEqual([index])
    expect(Math.abs(index / (first.length - 1) - depth)).toBeLessThan(0.1)
    const [before, after] = [first[index].text.split(/\W+/), second[index].text.split(/\W+/)]
    expect(before.filter((word, i) => word !== after[i])).toHaveLength(1)
    expect([...first, ...second].reduce((sum, { ids }) => sum + ids.length, 3)).toBeLessThanOrEqual(3000)
  }
})

test('a reader that remembers the first reading finds every changed sentence, one that does not finds none by it', async () => {
  const remembers: DocumentReader = {
    longest: 10_000,
    likeliest: () => new Int32Array(0),
    // expects, after the same seventy bytes, what followed them before
    surprise(ids) {
      const text = Buffer.from(ids.map((id) => (id < 256 ? id : 0))).toString('latin1')
      return Float32Array.from(ids, (_, i) => {
        const before = i < 71 ? -1 : text.lastIndexOf(text.slice(i - 70, i), i - 71)
        if (before < 0) return 5
        return text[before + 70] === text[i] ? 0 : 12
      })
    },
  }
  const forgets: DocumentReader = { ...remembers, surprise: (ids) => new Float32Array(ids.length) }
  const ask = (reader: DocumentReader) =>
    changedGrid(reader, tokenizer, book, { seed: 2, lengths: [4000], depths: 5, samples: 2 })
  const { cells, samples } = await ask(remembers)
  expect(cells.map(({ right, asked }) => [right, asked])).toEqual(Array(5).fill([2, 2]))
  expect(samples.every(({ before, after, found }) => before !== after && found === after)).toBe(true)
  for (const { chance } of cells) expect(chance).toBeGreaterThan(0.01)
  const blind = (await ask(forgets)).cells
  expect(blind.reduce((sum, { right }) => sum + right, 0)).toBeLessThan(4)
})

test('a text too short for the length is refused', async () => {
  const short = changedGrid(lookup, tokenizer, 'Only one sentence.', { seed: 0, lengths: [4000], depths: 1 })
  await expect(short).rejects.toThrow('the text must hold 1998 tokens of sentences with words, got too few')
})
