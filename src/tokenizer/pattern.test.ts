import { describe, expect, it } from 'vitest'
import { kernels } from '../native/index.ts'
import { Rng } from '../util/index.ts'
import { escapeBytes, escapedLength } from './bytes.ts'
import { randomBytes, randomText, SAMPLES } from './fuzz.ts'
import { checkPortable, chunksOfBytes, compilePattern, DEFAULT_PATTERN, PATTERNS, splitText } from './pattern.ts'

const NATIVE = {
  ...PATTERNS,
  gpt2WithJsSpace: String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  gpt4WithJsSpace: PATTERNS.gpt4Digits3
    .replaceAll(String.raw`\p{White_Space}`, String.raw`\s`)
    .replaceAll(String.raw`\P{White_Space}`, String.raw`\S`),
}

function nativeEnds(code: number, bytes: Uint8Array): Uint32Array {
  const ends = new Uint32Array(bytes.length)
  return ends.slice(0, kernels.bpeSplit(code, bytes, bytes.length, ends))
}

// Compared as bytes first: the lists are long, and toEqual is slow where nothing is to be shown.
function expectSameEnds(actual: Uint32Array, expected: Uint32Array): void {
  const bytesOf = (array: Uint32Array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)
  if (!bytesOf(actual).equals(bytesOf(expected))) expect([...actual]).toEqual([...expected])
  expect(actual).toHaveLength(expected.length)
}

describe.each(Object.entries(NATIVE))('the native splitter of %s', (_, source) => {
  const pattern = compilePattern('test', source)

  function expectSame(bytes: Uint8Array): void {
    expectSameEnds(nativeEnds(pattern.code as number, bytes), chunksOfBytes(pattern, bytes).ends)
  }

  it('cuts samples of many scripts as the regular expression does', () => {
    for (const sample of SAMPLES) expectSame(Buffer.from(sample))
  })

  it('cuts random text as the regular expression does', () => {
    const rng = new Rng(1)
    for (let i = 0; i < 3000; i++) expectSame(Buffer.from(randomText(rng, 1 + (i % 60)).toWellFormed()))
  })

  it('takes random bytes, each invalid one as a symbol', () => {
    const rng = new Rng(2)
    for (let i = 0; i < 2000; i++) expectSame(randomBytes(rng, i % 50))
  })

  it('is done in linear time on long runs of one character', () => {
    for (const unit of [' ', '\n', "'", 'a', '1', '!', '\n ', ' \n', '\u3000', '\u00ff']) {
      expectSame(Buffer.from(`${unit.repeat(200_000)}x`))
    }
  })
})

describe.each([PATTERNS.gpt4Digits3, PATTERNS.cl100k])('the native classes in %s', (source) => {
  // After a newer Unicode in Node: node scripts/unicodeRanges.ts
  it('are those of the regular expression for every code point, beside a letter, a digit, a space', () => {
    const pattern = compilePattern('test', source)
    for (let block = 0; block < 0x110000; block += 0x400) {
      let text = ''
      for (let c = block; c < block + 0x400; c++) {
        const character = c >= 0xd800 && c <= 0xdfff ? '?' : String.fromCodePoint(c)
        text += `a${character}1${character} ${character}!`
      }
      const bytes = Buffer.from(text)
      expectSameEnds(nativeEnds(pattern.code as number, bytes), chunksOfBytes(pattern, bytes).ends)
    }
  })
})

describe('split patterns', () => {
  it('are native for every ready pattern', () => {
    for (const source of Object.values(PATTERNS)) expect(compilePattern('test', source).code).toBeDefined()
  })

  it('split words, contractions, digits, symbols and lines as GPT-4 does', () => {
    const pattern = compilePattern('test', PATTERNS.gpt4Digits3)
    expect(splitText(pattern, "I've 12345 ways:\n\n  GO!!\r\n x")).toEqual([
      ...['I', "'ve", ' ', '123', '45', ' ways', ':\n\n', ' ', ' GO', '!!\r\n', ' x'],
    ])
    expect(splitText(compilePattern('test', DEFAULT_PATTERN), '12345')).toEqual(['12', '34', '5'])
  })

  it('keep what lies between matches, whatever the expression', () => {
    expect(splitText(compilePattern('test', String.raw`\p{Lu}+`), 'abCDeF')).toEqual(['ab', 'CD', 'e', 'F'])
    expect(splitText(compilePattern('test', 'x*'), 'axxb')).toEqual(['a', 'xx', 'b'])
  })

  it('take the flag v where u does not do', () => {
    const pattern = compilePattern('test', String.raw`[\p{L}--[a-z]]+`)
    expect(splitText(pattern, 'abÄÖc')).toEqual(['ab', 'ÄÖ', 'c'])
  })

  it('refuse what is no expression, and flags that no file could keep', () => {
    expect(() => compilePattern('op', '(')).toThrow('op: the pattern must be a regular expression')
    expect(() => compilePattern('op', /a/)).toThrow('must have the flag u or v')
    expect(() => compilePattern('op', /a/iu)).toThrow('neither i, m nor s')
  })

  it('are portable only if Oniguruma reads them alike', () => {
    for (const [name, source] of Object.entries(PATTERNS)) {
      if (name === 'cl100k') expect(() => checkPortable('op', source)).toThrow(String.raw`got \s`)
      else checkPortable('op', source)
    }
    for (const bad of [String.raw`\d+`, 'a.b', '^a', 'a$', '(?i:a)', String.raw`\bx`, String.raw`[^\s]`]) {
      expect(() => checkPortable('op', bad)).toThrow('must mean the same')
    }
    for (const good of ['[.^$]+', String.raw`\.|\$`, '(?:a|b)', '(?=a)', '(?<!a)b', '[^a]']) checkPortable('op', good)
  })
})

describe('escaped bytes', () => {
  it('have as many bytes as they came from', () => {
    const rng = new Rng(3)
    for (let i = 0; i < 2000; i++) {
      const bytes = randomBytes(rng, i % 40)
      expect(escapedLength(escapeBytes(bytes))).toBe(bytes.length)
    }
  })
})
