import { beforeAll, describe, expect, it } from 'vitest'
import { Rng } from '../util/index.ts'
import { randomBytes, randomText, SAMPLES } from './fuzz.ts'
import { PATTERNS } from './pattern.ts'
import type { Tokenizer } from './tokenizer.ts'
import { trainTokenizer } from './train.ts'

const CUSTOM = String.raw`\p{Lu}?\p{Ll}+|[^\p{L}]{1,9}`

/** The definition: in each chunk, merge the pair of best rank, leftmost first, until none is left. */
function slowEncode(tokenizer: Tokenizer, chunk: Uint8Array): number[] {
  const ranks = new Map<string, [number, number]>()
  for (let i = 0; i < tokenizer.merges.length; i += 3) {
    const [left, right, result] = tokenizer.merges.subarray(i, i + 3)
    ranks.set(`${left},${right}`, [i, result])
  }
  let ids = [...chunk].map((byte) => tokenizer.encodeBytes(Uint8Array.of(byte))[0])
  for (;;) {
    let best: [number, number, number] | undefined
    for (let i = 0; i + 1 < ids.length; i++) {
      const found = ranks.get(`${ids[i]},${ids[i + 1]}`)
      if (found !== undefined && (best === undefined || found[0] < best[0])) best = [...found, i]
    }
    if (best === undefined) return ids
    const [, result, at] = best
    ids = [...ids.slice(0, at), result, ...ids.slice(at + 2)]
  }
}

function corpus(): string[] {
  const rng = new Rng(7)
  return [...SAMPLES, ...SAMPLES, ...Array.from({ length: 300 }, () => randomText(rng, 80)), 'a'.repeat(100)]
}

describe.each([
  ['the default pattern', undefined],
  ['the pattern of GPT-2', PATTERNS.gpt2],
  ['a custom pattern', CUSTOM],
])('a tokenizer with %s', (_, pattern) => {
  let tokenizer: Tokenizer
  beforeAll(async () => {
    tokenizer = await trainTokenizer(corpus(), { vocabSize: 1200, pattern })
  })

  it('gives back every text, lone surrogates as U+FFFD', () => {
    const rng = new Rng(1)
    for (const text of [...SAMPLES, ...Array.from({ length: 2000 }, (_, i) => randomText(rng, i % 90))]) {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.toWellFormed())
    }
  })

  it('gives back every byte sequence', () => {
    const rng = new Rng(2)
    for (let i = 0; i < 2000; i++) {
      const bytes = randomBytes(rng, i % 300)
      expect(Buffer.from(tokenizer.decodeBytes(tokenizer.encodeBytes(bytes))).equals(bytes)).toBe(true)
    }
  })

  it('gives the same ids for text and for its UTF-8', () => {
    for (const text of corpus()) expect(tokenizer.encodeBytes(Buffer.from(text))).toEqual(tokenizer.encode(text))
  })

  it('streams text piece by piece, holding back unfinished characters', () => {
    const stream = tokenizer.streamDecoder()
    for (const text of SAMPLES) {
      const pieces = [...tokenizer.encode(text)].map((id) => stream.push(id))
      expect(pieces.join('') + stream.end()).toBe(text)
      expect(pieces.join('')).not.toContain('\ufffd')
    }
  })
})

describe('encoding', () => {
  let tokenizer: Tokenizer
  beforeAll(async () => {
    // One chunk a document: long merges, and chunks of every length up to the heap's range.
    tokenizer = await trainTokenizer(corpus(), { vocabSize: 900, pattern: String.raw`[\p{Any}]+` })
  })

  it('merges by rank, leftmost first, in short and in long chunks', () => {
    const rng = new Rng(3)
    for (let i = 0; i < 300; i++) {
      const bytes = randomBytes(rng, 1 + (i % 150))
      expect([...tokenizer.encodeBytes(bytes)]).toEqual(slowEncode(tokenizer, bytes))
    }
    for (const length of [2, 3, 7, 39, 40, 41, 42, 100, 255, 256, 257, 1000]) {
      const bytes = Buffer.from('a'.repeat(length))
      expect([...tokenizer.encodeBytes(bytes)]).toEqual(slowEncode(tokenizer, bytes))
    }
  })

  it('gives the same ids again when the cache has been filled and emptied', async () => {
    const small = await trainTokenizer(['ab ab abc abc'], { vocabSize: 300 })
    const before = small.encode('abc abcab')
    const rng = new Rng(4)
    for (let i = 0; i < 40; i++) {
      let text = ''
      for (let j = 0; j < 5000; j++) text += ` ${rng.uint32().toString(36).replaceAll(/\d/g, 'q')}zyxwvutsrq`
      expect(small.decode(small.encode(text))).toBe(text)
    }
    expect(small.encode('abc abcab')).toEqual(before)
  })

  it('is done in time with a megabyte of one letter, and of noise in one chunk', () => {
    const rng = new Rng(5)
    for (const bytes of [Buffer.alloc(1 << 20, 'a'), randomBytes(rng, 1 << 20)]) {
      expect(Buffer.from(tokenizer.decodeBytes(tokenizer.encodeBytes(bytes))).equals(bytes)).toBe(true)
    }
  })

  it('gives no ids for no text', () => {
    expect(tokenizer.encode('')).toEqual(new Int32Array(0))
    expect(tokenizer.encodeBytes(new Uint8Array(0))).toEqual(new Int32Array(0))
    expect(tokenizer.decode([])).toBe('')
  })

  it('refuses ids that are none', () => {
    for (const id of [-1, 900, 0.5, Number.NaN]) {
      expect(() => tokenizer.decode([id])).toThrow(`ids must be whole numbers from 0 to 899, got ${id}`)
    }
  })
})

describe('special tokens', () => {
  let tokenizer: Tokenizer
  beforeAll(async () => {
    tokenizer = await trainTokenizer(['<eos> '.repeat(50), '<|turn>user <|turn>user'], { vocabSize: 400 })
  })

  it('have the ids of their order, pad 0, eos 1, bos 2', () => {
    expect([tokenizer.padId, tokenizer.eosId, tokenizer.bosId]).toEqual([0, 1, 2])
    expect(tokenizer.specialTokens.get('<|turn>')).toBe(5)
    expect(tokenizer.tokenName(1)).toBe('<eos>')
  })

  it('never come from the text of a document', () => {
    const text = '<eos><|turn>user<pad> <turn|>'
    const ids = tokenizer.encode(text)
    expect([...ids].some((id) => tokenizer.isSpecial(id))).toBe(false)
    expect(tokenizer.decode(ids)).toBe(text)
  })

  it('come when asked for: all, or those named', () => {
    const text = 'a<|turn>user<eos>b<|turn><eos>'
    const all = tokenizer.encode(text, { allowSpecial: true })
    expect([...all].filter((id) => tokenizer.isSpecial(id))).toEqual([5, 1, 5, 1])
    expect(tokenizer.decode(all)).toBe(text)
    expect(tokenizer.decode(all, { skipSpecial: true })).toBe('auserb')
    const some = tokenizer.encode(text, { allowSpecial: new Set(['<eos>']) })
    expect([...some].filter((id) => tokenizer.isSpecial(id))).toEqual([1, 1])
    expect(tokenizer.decode(some)).toBe(text)
  })

  it('are found longest first', async () => {
    const specialTokens = ['<a>', '<a><b>', '[x]']
    const nested = await trainTokenizer(['some text'], { vocabSize: 280, specialTokens })
    expect([...nested.encode('<a><b>[x]<a>', { allowSpecial: true })]).toEqual([1, 2, 0])
  })

  it('let the end of a document open one and fill places where nothing else does', async () => {
    const lone = await trainTokenizer(['some text'], { vocabSize: 258, specialTokens: ['<x>', '<eos>'] })
    expect([lone.eosId, lone.bosId, lone.padId]).toEqual([1, 1, 1])
  })

  it('say which role is missing', async () => {
    const bare = await trainTokenizer(['some text'], { vocabSize: 256, specialTokens: [] })
    expect(() => bare.eosId).toThrow('Tokenizer.eosId: needs a special token <eos>, got none')
    expect(bare.encode('<eos>', { allowSpecial: true })).toHaveLength(5)
  })
})
