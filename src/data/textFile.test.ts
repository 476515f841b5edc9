import { expect, test } from 'vitest'
import { codeProblem, contentHash, decodeText, proseProblem, wellFormed } from './textFile.ts'

test('valid UTF-8 is decoded as it is, the mark aside', () => {
  expect(decodeText(Buffer.from('\uFEFFnaïve 漢字 😀'))).toEqual({ text: 'naïve 漢字 😀', replaced: 0 })
})

test('a sequence that is no UTF-8 is replaced and counted; a U+FFFD of the file itself is not', () => {
  const bytes = Buffer.concat([Buffer.from('a\uFFFDb'), Buffer.from([0xff]), Buffer.from('c'), Buffer.from([0xc3])])
  expect(decodeText(bytes)).toEqual({ text: 'a\uFFFDb\uFFFDc\uFFFD', replaced: 2 })
})

test('UTF-16 with a mark is text, other bytes with a NUL are not', () => {
  const text = 'hello Ω'
  const little = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')])
  const big = Buffer.from(little).swap16()
  expect(decodeText(little)?.text).toBe(text)
  expect(decodeText(big)?.text).toBe(text)
  expect(decodeText(Buffer.from('a\0b'))).toBeNull()
})

test('a surrogate without a partner is replaced', () => {
  expect(wellFormed('a\uD800b')).toEqual({ text: 'a\uFFFDb', replaced: 1 })
  expect(wellFormed('😀')).toEqual({ text: '😀', replaced: 0 })
})

test('the content hash ignores line ends and blanks around, and nothing else', () => {
  expect(contentHash('a\r\nb  \r\n')).toBe(contentHash('a\nb'))
  expect(contentHash('a\nb')).not.toBe(contentHash('a b'))
  expect(contentHash('a')).toMatch(/^[0-9a-f]{16}$/)
})

test('minified code, bundles on one line and tables are told from code', () => {
  const written = 'export function add(a: number, b: number): number {\n  return a + b\n}\n'.repeat(4)
  expect(codeProblem(written)).toBeNull()
  expect(codeProblem(`var a=1;${'function b(c){return c+a}'.repeat(20)}`)).toBe('minified')
  expect(codeProblem(`${written}const data = '${'A'.repeat(6000)}'\n`)).toBe('minified')
  expect(codeProblem('  0x00, 0x1f, 0x2b,\n'.repeat(50))).toBe('table of data')
})

test('prose may keep a paragraph on a line', () => {
  expect(proseProblem('word '.repeat(1000))).toBeNull()
  expect(proseProblem('1 2 3 4 5 6\n'.repeat(100))).toBe('table of data')
})
