import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ByteTokenizer, tempFolder } from '../testing/index.ts'
import { openCorpus } from './corpus.ts'
import { prepareData } from './prepare.ts'
import { licenceTable, writeProvenance } from './provenance.ts'
import { splitDocuments } from './split.ts'

const pack = (name: string, license?: string): string => JSON.stringify({ name, version: '2.0.0', license })

test('the table counts packages, documents and bytes by licence, the largest first', async () => {
  using folder = tempFolder({
    'node_modules/a/package.json': pack('a', 'MIT'),
    'node_modules/a/one.md': 'one one one',
    'node_modules/b/package.json': pack('b', 'MIT'),
    'node_modules/b/two.md': 'two two two two',
    'node_modules/c/package.json': pack('c'),
    'node_modules/c/three.md': 'three',
  })
  expect(licenceTable(await openCorpus({ root: folder.path }))).toEqual([
    { licence: 'MIT', packages: 2, documents: 2, bytes: 26 },
    { licence: 'unknown', packages: 1, documents: 1, bytes: 5 },
  ])
})

test('provenance.jsonl holds a line for every document on each side', async () => {
  const files = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`${i}.txt`, `text of document ${i}`]))
  using folder = tempFolder(files)
  using out = tempFolder()
  const split = splitDocuments((await openCorpus({ paths: [folder.path] })).documents, { share: 0.25 })
  const { train, heldOut } = await prepareData(split, new ByteTokenizer(), { batch: 1, time: 8 })
  writeProvenance(out.file('provenance.jsonl'), split, { train, validation: heldOut })
  expect(readdirSync(out.path)).toEqual(['provenance.jsonl'])
  const lines = readFileSync(out.file('provenance.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines.map(({ path }) => path).sort()).toEqual(Object.keys(files).sort())
  expect(lines.filter(({ split: side }) => side === 'validation')).toHaveLength(split.validation.length)
  const tokens = lines.reduce((sum, line) => sum + line.tokens, 0)
  expect(tokens).toBe(train.tokens.length + heldOut.tokens.length)
  expect(lines[0]).toMatchObject({ source: folder.path, split: 'train', hash: expect.stringMatching(/^[0-9a-f]{16}$/) })
})
