import { expect, test } from 'vitest'
import { textOf } from './document.ts'
import type { CorpusDocument } from './document.ts'
import { sampleTexts, splitDocuments } from './split.ts'
import type { Piece } from './split.ts'
import { contentHash } from './textFile.ts'

function documentOf(text: string, group?: string): CorpusDocument {
  const provenance = { source: 'test', path: 'x' }
  return { parts: [{ text }], provenance, group, hash: contentHash(text), bytes: Buffer.byteLength(text) }
}

const size = (pieces: Piece[]): number => pieces.reduce((sum, { text }) => sum + text.length, 0)
const many = Array.from({ length: 400 }, (_, i) => documentOf(`document ${i} ${'text '.repeat(20)}`))

test('many documents are split whole, about one in twenty held out, none on both sides', () => {
  const { train, validation, by } = splitDocuments(many)
  expect(by).toBe('document')
  expect(train.length + validation.length).toBe(400)
  const held = new Set(validation.map(({ document }) => document))
  expect(train.some(({ document }) => held.has(document))).toBe(false)
  expect(size(validation) / (size(train) + size(validation))).toBeGreaterThan(0.025)
  expect(size(validation) / (size(train) + size(validation))).toBeLessThan(0.1)
  for (const { document, text, whole } of [...train, ...validation]) {
    expect(text).toBe(textOf(document))
    expect(whole).toBe(true)
  }
})

test('the side of a document does not depend on the others', () => {
  const all = new Set(splitDocuments(many).validation.map(({ document }) => document))
  const half = splitDocuments(many.slice(0, 200)).validation.map(({ document }) => document)
  expect(half).toEqual(many.slice(0, 200).filter((document) => all.has(document)))
})

test('documents of one group stay on one side', () => {
  const grouped = Array.from({ length: 600 }, (_, i) => documentOf(`text ${i}`, `pack/file${i >> 1}`))
  const { train, validation } = splitDocuments(grouped)
  const held = new Set(validation.map(({ document }) => document.group))
  expect(train.some(({ document }) => held.has(document.group))).toBe(false)
})

test('one long document gives its end, cut after a line', () => {
  const text = Array.from({ length: 3000 }, (_, i) => `line ${i} of a long play\n`).join('')
  const { train, validation, by } = splitDocuments([documentOf(text)])
  expect(by).toBe('position')
  expect(train[0].text + validation[0].text).toBe(text)
  expect(train[0].text.endsWith('\n')).toBe(true)
  expect(train[0].whole).toBe(false)
  expect(validation[0].whole).toBe(true)
  expect(validation[0].text.length / text.length).toBeGreaterThan(0.045)
  expect(validation[0].text.length / text.length).toBeLessThan(0.0501)
})

test('a document that outweighs the rest is cut too', () => {
  const heavy = documentOf('words and words\n'.repeat(20_000))
  const { train, validation, by } = splitDocuments([heavy, ...many.slice(0, 50)])
  expect(by).toBe('position')
  const share = size(validation) / (size(train) + size(validation))
  expect(share).toBeGreaterThan(0.03)
  expect(share).toBeLessThan(0.06)
})

test('a cut never falls inside a character', () => {
  for (let length = 1001; length < 1030; length++) {
    const text = 'x'.repeat(length % 7) + '😀'.repeat(length)
    const { train, validation } = splitDocuments([documentOf(text)])
    expect(train[0].text + validation[0].text).toBe(text)
    expect(train[0].text.isWellFormed() && validation[0].text.isWellFormed()).toBe(true)
  }
})

test('a few short documents still leave one for validation', () => {
  const { train, validation } = splitDocuments([documentOf('one'), documentOf('two'), documentOf('three')])
  expect([train.length, validation.length]).toEqual([2, 1])
  const single = splitDocuments([documentOf('only these words')])
  expect(single.train[0].text + single.validation[0].text).toBe('only these words')
  expect(single.validation[0].text.length).toBeGreaterThan(0)
})

test('share 0 holds nothing out', () => {
  expect(splitDocuments(many, { share: 0 }).validation).toEqual([])
  expect(() => splitDocuments(many, { share: 0.9 })).toThrow('share must be 0 to 0.5, got 0.9')
})

test('a sample of texts is spread evenly and about as large as asked for', () => {
  const texts = Array.from({ length: 400 }, (_, i) => documentOf(`${i} ${'text '.repeat(1000 + (i % 7))}`))
  const pieces = splitDocuments(texts, { share: 0 }).train
  expect([...sampleTexts(pieces)]).toEqual(pieces.map(({ text }) => text))
  const some = [...sampleTexts(pieces, size(pieces) / 4)]
  expect(some.join('').length / size(pieces)).toBeGreaterThan(0.22)
  expect(some.join('').length / size(pieces)).toBeLessThan(0.3)
  const numbers = some.map((text) => Number(text.split(' ', 1)[0]))
  const quarter = (i: number): number => numbers.filter((number) => Math.floor(number / 100) === i).length
  for (const i of [0, 1, 2, 3]) expect(quarter(i)).toBeGreaterThan(20)
})

test('a sample of one long document is its beginning', () => {
  const pieces = splitDocuments([documentOf('abcdefghij'.repeat(100_000))], { share: 0 }).train
  const [only] = [...sampleTexts(pieces, 250_000)]
  expect(pieces[0].text.startsWith(only)).toBe(true)
  expect(Math.abs(only.length - 250_000)).toBeLessThan(70_000)
})
