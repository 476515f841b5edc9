import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Rng } from '../util/index.ts'
import { randomText, SAMPLES } from './fuzz.ts'
import { compilePattern, DEFAULT_PATTERN, PATTERNS, splitText } from './pattern.ts'
import type { Tokenizer } from './tokenizer.ts'
import { trainTokenizer } from './train.ts'

const noSpecials: string[] = []

/** The definition of training, without any cleverness: pairs [left, right], bytes are 0 .. 255. */
function slowTrain(texts: string[], source: string, numMerges: number): [number, number][] {
  const pattern = compilePattern('test', source)
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const chunk of splitText(pattern, text.toWellFormed())) counts.set(chunk, (counts.get(chunk) ?? 0) + 1)
  }
  let words = [...counts].map(([chunk, count]) => ({ ids: [...Buffer.from(chunk)], count }))
  const merges: [number, number][] = []
  while (merges.length < numMerges) {
    const pairs = new Map<number, number>()
    for (const { ids, count } of words) {
      for (let i = 0; i + 1 < ids.length; i++) {
        const key = ids[i] * 65536 + ids[i + 1]
        pairs.set(key, (pairs.get(key) ?? 0) + count)
      }
    }
    let best = -1
    for (const [key, count] of pairs) {
      const high = pairs.get(best) ?? 1
      if (count > high || (count === high && best >= 0 && key < best)) best = key
    }
    if (best < 0) break
    const [left, right] = [Math.floor(best / 65536), best % 65536]
    words = words.map(({ ids, count }) => ({ ids: mergeIn(ids, left, right, 256 + merges.length), count }))
    merges.push([left, right])
  }
  return merges
}

function mergeIn(ids: number[], left: number, right: number, result: number): number[] {
  const out: number[] = []
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === left && ids[i + 1] === right) {
      out.push(result)
      i++
    } else out.push(ids[i])
  }
  return out
}

function pairsOf(tokenizer: Tokenizer): [number, number][] {
  return Array.from({ length: tokenizer.merges.length / 3 }, (_, i) => [
    tokenizer.merges[3 * i],
    tokenizer.merges[3 * i + 1],
  ])
}

function fuzzCorpus(seed: number, documents: number): string[] {
  const rng = new Rng(seed)
  return [...SAMPLES, ...Array.from({ length: documents }, () => randomText(rng, 60))]
}

describe('trainTokenizer', () => {
  it.each([DEFAULT_PATTERN, PATTERNS.gpt2, String.raw`[^ ]+`])(
    'learns the merges of the definition with pattern %s',
    async (pattern) => {
      const texts = [...fuzzCorpus(1, 60), 'aaaa aaaaa aaaaaa abababab bababa aaabaaab', 'la la lala '.repeat(20)]
      const tokenizer = await trainTokenizer(texts, { vocabSize: 256 + 500, specialTokens: noSpecials, pattern })
      expect(pairsOf(tokenizer)).toEqual(slowTrain(texts, pattern, 500))
    },
  )

  it('breaks ties by the lower pair', async () => {
    const tokenizer = await trainTokenizer(['cd ab cd ab'], {
      vocabSize: 257,
      specialTokens: noSpecials,
      pattern: '[^ ]+| ',
    })
    expect(pairsOf(tokenizer)).toEqual([[97, 98]])
  })

  it('does not depend on the order or the cut of the documents', async () => {
    const texts = fuzzCorpus(2, 200)
    const options = { vocabSize: 1000 }
    const forward = await trainTokenizer(texts, options)
    const backward = await trainTokenizer([...texts].reverse(), options)
    expect(backward.merges).toEqual(forward.merges)
  })

  it('takes documents from an async source, and documents of many megabytes', async () => {
    async function* documents(): AsyncGenerator<string> {
      yield 'some words '.repeat(400_000)
      yield '字'.repeat(1_000_000)
    }
    const tokenizer = await trainTokenizer(documents(), { vocabSize: 300 })
    expect(tokenizer.encode('some words some words')).toHaveLength(4)
  })

  it('learns as much from one document of a megabyte without a space as from any', async () => {
    const rng = new Rng(3)
    const text = Array.from({ length: 1 << 20 }, () => 'abcdefgh'[rng.integer(8)]).join('')
    const tokenizer = await trainTokenizer([text], { vocabSize: 2000 })
    expect(tokenizer.vocabSize).toBe(2000)
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  })

  it('stops when no pair stands twice', async () => {
    const tokenizer = await trainTokenizer(['ab ab xy'], { vocabSize: 1000, specialTokens: ['<eos>'] })
    expect(tokenizer.vocabSize).toBe(1 + 256 + 1)
    expect(tokenizer.tokenName(257)).toBe('ab')
  })

  it('never makes a token that spells a special one', async () => {
    const texts = ['<eos><eos><eos> xx']
    const free = await trainTokenizer(texts, { vocabSize: 300, specialTokens: noSpecials, pattern: '[^ ]+' })
    const tokenizer = await trainTokenizer(texts, { vocabSize: 300, specialTokens: ['<eos>'], pattern: '[^ ]+' })
    const names = (t: Tokenizer) => Array.from({ length: t.vocabSize }, (_, id) => t.tokenName(id))
    expect(names(free).filter((name) => name === '<eos>')).toHaveLength(1)
    expect(names(tokenizer).filter((name) => name === '<eos>')).toHaveLength(1)
    expect(tokenizer.isSpecial(names(tokenizer).indexOf('<eos>'))).toBe(true)
  })

  it('gives the same merges with 1, 2 and 5 threads', () => {
    const program = `
      import { createHash } from 'node:crypto'
      import { trainTokenizer } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))}
      import { randomText } from ${JSON.stringify(join(import.meta.dirname, 'fuzz.ts'))}
      import { Rng } from ${JSON.stringify(join(import.meta.dirname, '../util/index.ts'))}
      const rng = new Rng(9)
      const texts = Array.from({ length: 30 }, () => randomText(rng, 20000))
      const tokenizer = await trainTokenizer(texts, { vocabSize: 3000 })
      console.log(tokenizer.vocabSize, createHash('sha256').update(tokenizer.merges).digest('hex'))`
    const outputs = [1, 2, 5].map((threads) => {
      const env = { ...process.env, POLLUX_THREADS: String(threads) }
      const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], { env, encoding: 'utf8' })
      expect(child.stderr).toBe('')
      return child.stdout
    })
    expect(outputs[0]).toMatch(/^3000 [0-9a-f]{64}\n$/)
    expect(outputs[1]).toBe(outputs[0])
    expect(outputs[2]).toBe(outputs[0])
  })

  it('refuses options it cannot use, saying what they must be', async () => {
    const texts = ['text']
    await expect(trainTokenizer(texts, { vocabSize: 279 })).rejects.toThrow(
      'trainTokenizer: vocabSize must be a whole number from 280 (256 bytes and 24 special tokens) to 4194304, got 279',
    )
    await expect(trainTokenizer(texts, { vocabSize: 300.5 })).rejects.toThrow('got 300.5')
    await expect(trainTokenizer([], { vocabSize: 300 })).rejects.toThrow('needs some text, got none')
    await expect(trainTokenizer([''], { vocabSize: 300 })).rejects.toThrow('needs some text, got none')
    await expect(trainTokenizer([7 as unknown as string], { vocabSize: 300 })).rejects.toThrow('got number')
    const specials = (...specialTokens: string[]) => trainTokenizer(texts, { vocabSize: 400, specialTokens })
    await expect(specials('<a>', '<a>')).rejects.toThrow('special tokens must differ, got "<a>" twice')
    await expect(specials('')).rejects.toThrow('must be text of 2 characters or more, got ""')
    await expect(specials('<\ud800>')).rejects.toThrow('must be text of 2 characters or more')
    await expect(trainTokenizer(texts, { vocabSize: 400, pattern: /\s+/u })).rejects.toThrow('must mean the same')
    await expect(trainTokenizer(texts, { vocabSize: 400, pattern: '[' })).rejects.toThrow(
      'must be a regular expression',
    )
  })
})
