import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { tempFolder } from '../testing/index.ts'
import { Rng } from '../util/index.ts'
import { openCorpus } from './corpus.ts'
import { textOf } from './document.ts'

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../test/golden/data/${name}.parquet`, import.meta.url))
/** What test/golden/data/make.py writes. */
const rowText = (i: number): string =>
  `Row ${i}: the quick brown fox number ${i * i} jumps.\nΣ ü 漢字 ${'.'.repeat(i % 7)}`

async function messageOf(path: string): Promise<string> {
  const error = await openCorpus({ paths: [path] }).catch((thrown: unknown) => thrown)
  return (error as Error).message
}

test.each([
  ['text-snappy', 40],
  ['text-zstd', 40],
  ['text-plain', 40],
  ['content-gzip', 8],
])('%s gives its rows in order, whatever the codec', async (name, rows) => {
  const { documents } = await openCorpus({ paths: [golden(name)] })
  expect(documents.map(textOf)).toEqual(Array.from({ length: rows }, (_, i) => rowText(i)))
  expect(documents.map(({ provenance }) => provenance.row)).toEqual(Array.from({ length: rows }, (_, i) => i + 1))
})

test('rows of parts keep their parts', async () => {
  const { documents, ledger } = await openCorpus({ paths: [golden('parts')] })
  expect(documents.map(({ parts }) => parts)).toEqual([
    [{ text: 'A picture of ' }, { inlineData: { mimeType: 'image/png', data: 'aGk=' } }, { text: 'a cat.' }],
    [{ text: 'Only words here.' }],
  ])
  expect(ledger.skipped.get('no text')).toBe(1)
})

test('without a text column the error lists the columns and their types', async () => {
  expect(await messageOf(golden('no-text'))).toContain(
    'parquet without a text column (text, content or parts), got id: INT64, question: UTF8, score: DOUBLE',
  )
  const { documents } = await openCorpus({ paths: [golden('no-text')], field: 'question' })
  expect(documents.map(textOf)).toEqual(['a?', 'b?'])
})

test('a file that is cut off, empty or something else is rejected, and its neighbours are read', async () => {
  const whole = readFileSync(golden('text-snappy'))
  using folder = tempFolder({
    'a-cut.parquet': whole.subarray(0, whole.length - 100),
    'b-empty.parquet': '',
    'c-other.parquet': 'this is a text file with another name',
    'd-whole.parquet': whole,
  })
  const corpus = await openCorpus({ paths: [folder.path] })
  expect(corpus.documents).toHaveLength(40)
  expect(corpus.ledger.rejected.map(({ path }) => path.slice(folder.path.length + 1))).toEqual([
    'a-cut.parquet',
    'b-empty.parquet',
    'c-other.parquet',
  ])
})

test('a broken row group costs that row group', async () => {
  const bytes = readFileSync(golden('text-snappy'))
  // The text of row 0 lies in the first row group; what follows it there is overwritten.
  const at = bytes.indexOf('quick brown')
  bytes.fill(0xff, at - 60, at)
  using folder = tempFolder({ 'broken.parquet': bytes })
  const corpus = await openCorpus({ paths: [folder.path] })
  expect(corpus.ledger.rejected[0].reason).toMatch(/^row group 0: /)
  expect(corpus.documents.map(textOf)).toEqual(Array.from({ length: 24 }, (_, i) => rowText(i + 16)))
})

test('a run length of two billion values ends the decoding of that file only', async () => {
  const bytes = readFileSync(golden('text-plain'))
  // Definition levels of the text column: [length 2, four bytes][run of 40 << 1][value 1].
  const at = bytes.lastIndexOf(Buffer.from([2, 0, 0, 0, 40 << 1]))
  bytes.set([6, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f, 1], at)
  using folder = tempFolder({ 'bomb.parquet': bytes, 'good.txt': 'still here' })
  const corpus = await openCorpus({ paths: [folder.path] })
  expect(corpus.documents.map(textOf)).toEqual(['still here'])
  expect(corpus.ledger.rejectedCount).toBe(1)
})

test('random damage never does more than lose rows', async () => {
  const rng = new Rng(1)
  for (const name of ['text-plain', 'text-zstd', 'parts']) {
    const whole = readFileSync(golden(name))
    for (let round = 0; round < 12; round++) {
      const bytes = Buffer.from(whole)
      for (let i = 0; i <= rng.integer(4); i++) bytes[rng.integer(bytes.length)] = rng.integer(256)
      using folder = tempFolder({ 'damaged.parquet': bytes, 'good.txt': 'still here' })
      const corpus = await openCorpus({ paths: [folder.path] })
      expect(corpus.documents.map(textOf)).toContain('still here')
    }
  }
})
