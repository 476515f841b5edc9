import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ByteTokenizer, tempFolder } from '../testing/index.ts'
import { openCorpus } from './corpus.ts'
import { prepareData } from './prepare.ts'
import { writeProvenance } from './provenance.ts'
import { splitDocuments } from './split.ts'

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
