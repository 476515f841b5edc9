import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodePng, encodeWav } from '../media/index.ts'
import { tempFolder } from '../testing/index.ts'
import { openCorpus } from './corpus.ts'
import { Ledger } from './ledger.ts'
import { mediaFileSource } from './mediaFiles.ts'

const picture = { width: 4, height: 4, data: Uint8Array.from({ length: 48 }, (_, i) => 5 * i) }
const row = (fileUri: string, text: string) => `${JSON.stringify({ parts: [{ fileData: { fileUri } }, { text }] })}\n`

test('rows with equal labels are kept apart by their files, and paths count from the row file', async () => {
  using folder = tempFolder({ 'rows.jsonl': row('a.png', 'cat\n') + row('b.wav', 'cat\n') })
  const { writeFileSync } = await import('node:fs')
  writeFileSync(folder.file('a.png'), await encodePng(picture))
  writeFileSync(folder.file('b.wav'), encodeWav({ rate: 16_000, samples: new Float32Array(800) }))
  const corpus = await openCorpus({ paths: [folder.file('rows.jsonl')], media: true })
  expect(corpus.documents).toHaveLength(2)
  const source = mediaFileSource(corpus.documents, { ledger: new Ledger(), rootOf: () => folder.path })
  const kinds = await Promise.all([0, 1].map(async (i) => Object.keys((await source.document(i))![0])[0]))
  expect(kinds.sort()).toEqual(['picture', 'sound'])
  const shown = (await Promise.all([0, 1].map((i) => source.document(i)))).find((parts) => 'picture' in parts![0])!
  expect(shown[0]).toEqual({ picture })
})

test('a file that is damaged or missing is named in the ledger and gives no document', async () => {
  const rows = row('broken.png', 'x\n') + row('none.png', 'y\n')
  using folder = tempFolder({ 'rows.jsonl': rows, 'broken.png': '\x89PNG\r\n\x1a\nnot a picture' })
  const corpus = await openCorpus({ paths: [folder.file('rows.jsonl')], media: true })
  const ledger = new Ledger()
  const source = mediaFileSource(corpus.documents, { ledger, rootOf: () => folder.path })
  for (let i = 0; i < 6; i++) expect(await source.document(i)).toBe(null)
  expect(ledger.rejected.map(({ path }) => path).sort()).toEqual(['broken.png', 'none.png'])
})

test('variants differ, repeat with the seed, and leave answers alone', async () => {
  using folder = tempFolder({ 'rows.jsonl': row(join('a.png'), 'cat\n') })
  const { writeFileSync } = await import('node:fs')
  writeFileSync(folder.file('a.png'), await encodePng(picture))
  const { documents } = await openCorpus({ paths: [folder.file('rows.jsonl')], media: true })
  const open = () =>
    mediaFileSource(documents, { ledger: new Ledger(), rootOf: () => folder.path, augment: { picture: { shift: 2 } } })
  const [first, again] = [await open().document(0), await open().document(0)]
  expect(again).toEqual(first)
  expect(await open().document(1)).not.toEqual(first)
  expect(first![1]).toEqual({ text: 'cat\n' })
})

test('an address is no path', async () => {
  using folder = tempFolder({ 'rows.jsonl': row('https://example.org/a.png', 'cat\n') })
  const { documents } = await openCorpus({ paths: [folder.file('rows.jsonl')], media: true })
  const ledger = new Ledger()
  expect(await mediaFileSource(documents, { ledger }).document(0)).toBe(null)
  expect(ledger.rejected[0].reason).toContain('a fileUri must be a path')
})
