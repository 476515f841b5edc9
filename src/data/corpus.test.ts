import { mkdirSync, symlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import { tempFolder } from '../testing/index.ts'
import { PolluxError } from '../util/index.ts'
import { openCorpus } from './corpus.ts'
import type { Corpus, CorpusOptions } from './corpus.ts'
import { textOf } from './document.ts'

const code = 'export function add(a, b) {\n  return a + b\n}\n\nexport const answer = add(40, 2)\n'

async function failure(options: CorpusOptions): Promise<PolluxError> {
  const error = await openCorpus(options).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(PolluxError)
  return error as PolluxError
}

const pathsOf = ({ documents }: Corpus): string[] => documents.map(({ provenance }) => provenance.path)
const textsOf = ({ documents }: Corpus): string[] => documents.map(textOf)

// ---- node_modules ----

const pack = (name: string, licence: unknown): string => JSON.stringify({ name, version: '1.2.3', license: licence })

test('without paths the corpus is the text and code under node_modules, with provenance', async () => {
  using folder = tempFolder({
    'node_modules/alpha/package.json': pack('alpha', 'MIT'),
    'node_modules/alpha/README.md': '# Alpha\n\nWhat it does.\n',
    'node_modules/alpha/lib/index.js': code,
    'node_modules/alpha/lib/index.min.js': code.replaceAll('\n', ''),
    'node_modules/alpha/lib/index.js.map': '{}',
    'node_modules/alpha/LICENSE': 'Permission is hereby granted',
    'node_modules/alpha/logo.png': Buffer.from([137, 80, 78, 71, 0]),
    'node_modules/alpha/tool.py': Buffer.from('print("\0")'),
    'node_modules/alpha/huge.js': code.repeat(8000),
    'node_modules/@scope/beta/package.json': pack('@scope/beta', { type: 'ISC' }),
    'node_modules/@scope/beta/types.d.ts': 'export declare function beta(): void\n',
    'node_modules/@scope/beta/copy.js': code.replaceAll('\n', '\r\n'),
    'node_modules/@scope/beta/node_modules/gamma/package.json': '{ broken',
    'node_modules/@scope/beta/node_modules/gamma/index.ts': 'export const gamma: number = 3\n',
    'node_modules/.cache/x/index.js': 'export const hidden = 1\n',
  })
  const corpus = await openCorpus({ root: folder.path })
  expect(pathsOf(corpus)).toEqual([
    '@scope/beta/copy.js',
    '@scope/beta/types.d.ts',
    '@scope/beta/node_modules/gamma/index.ts',
    'alpha/README.md',
  ])
  expect(corpus.documents.find(({ provenance }) => provenance.path === '@scope/beta/types.d.ts')?.provenance).toEqual({
    source: 'node_modules',
    path: '@scope/beta/types.d.ts',
    package: '@scope/beta',
    version: '1.2.3',
    licence: 'ISC',
  })
  expect(Object.fromEntries(corpus.ledger.skipped)).toMatchObject({
    minified: 1,
    'too large': 1,
    binary: 1,
    duplicate: 1,
  })
  expect(corpus.ledger.rejected).toHaveLength(1)
  expect(corpus.ledger.rejected[0].path).toMatch(/gamma.package\.json$/)
  expect(corpus.bytes).toBe(corpus.documents.reduce((sum, { bytes }) => sum + bytes, 0))
})

test('the corpus of a folder is the same every time', async () => {
  using folder = tempFolder({ 'b.md': 'bee', 'a/z.txt': 'zed', 'a.txt': 'eh', 'B.md': 'Bee', 'ä.txt': 'umlaut' })
  const [first, second] = [await openCorpus({ paths: [folder.path] }), await openCorpus({ paths: [folder.path] })]
  expect(pathsOf(first)).toEqual(['B.md', 'a/z.txt', 'a.txt', 'b.md', 'ä.txt'])
  expect(second.documents).toEqual(first.documents)
})

test('linked packages are read when they lie inside node_modules, links that lead out are not', async () => {
  using outside = tempFolder({ 'secret.js': 'export const secret = "do not read this one"\n' })
  using folder = tempFolder({
    'node_modules/.store/linked/package.json': pack('linked', 'MIT'),
    'node_modules/.store/linked/index.js': code,
  })
  symlinkSync(folder.file('node_modules/.store/linked'), folder.file('node_modules/linked'))
  symlinkSync(outside.path, folder.file('node_modules/outside'))
  symlinkSync(outside.file('secret.js'), folder.file('node_modules/.store/linked/secret.js'))
  symlinkSync(folder.file('node_modules'), folder.file('node_modules/.store/linked/loop'))
  const corpus = await openCorpus({ root: folder.path })
  expect(textsOf(corpus)).toEqual([code])
  expect(corpus.documents[0].provenance.package).toBe('linked')
})

test('no node_modules at all is an error that says what to type', async () => {
  using folder = tempFolder()
  const error = await failure({ root: folder.path })
  expect(error.message).toContain('data: the default corpus must be found in node_modules, got none in')
  expect(error.hint).toContain('--data')
})

// ---- folders, files, patterns ----

test('a folder gives its text, markdown, rows and code; data about the data is left out', async () => {
  using folder = tempFolder({
    'SOURCE.md': 'where this is from',
    LICENSE: 'MIT',
    'a.txt': 'plain',
    'rows.jsonl': '{"text":"row one"}\n{"parts":[{"text":"row "},{"text":"two"}]}\n',
    'main.py': 'print("hello")\n',
    'photo.jpg': Buffer.from([255, 216, 255]),
    '.hidden/x.txt': 'hidden',
    'node_modules/x/index.js': code,
  })
  const corpus = await openCorpus({ paths: [folder.path] })
  expect(textsOf(corpus)).toEqual(['plain', 'print("hello")\n', 'row one', 'row two'])
  expect(corpus.documents[3].provenance).toEqual({ source: folder.path, path: 'rows.jsonl', row: 2 })
  expect([...corpus.ledger.otherExtensions]).toEqual([['.jpg', 1]])
})

test('a file named outright is read whatever it is called', async () => {
  using folder = tempFolder({ LICENSE: 'the text of a licence', 'notes.unknown': 'some notes' })
  const corpus = await openCorpus({ paths: [folder.file('LICENSE'), folder.file('notes.unknown')] })
  expect(textsOf(corpus)).toEqual(['the text of a licence', 'some notes'])
})

test('a pattern gives the files that match, in order, each once', async () => {
  using folder = tempFolder({ 'b.txt': 'bee', 'a.txt': 'eh', 'c.md': 'sea', 'sub/d.txt': 'dee' })
  expect(textsOf(await openCorpus({ paths: [`${folder.path}/*.txt`] }))).toEqual(['eh', 'bee'])
  expect(textsOf(await openCorpus({ paths: [`${folder.path}/**`] })).sort()).toEqual(['bee', 'dee', 'eh', 'sea'])
})

test('a path that is not there names the folder to look in', async () => {
  using folder = tempFolder()
  const error = await failure({ paths: [folder.file('corpus')] })
  expect(error.message).toBe(`data: a folder or file must exist, got ${folder.file('corpus')}`)
  expect(error.hint).toMatch(/^ls .+ shows what is there$/)
})

test('a pattern that matches nothing, an empty path and an empty folder are errors', async () => {
  using folder = tempFolder({ 'empty.txt': '' })
  expect((await failure({ paths: [`${folder.path}/*.xyz`] })).message).toContain(
    'a pattern must match at least one file',
  )
  expect((await failure({ paths: [''] })).message).toContain('got an empty one')
  expect((await failure({ paths: [folder.path] })).message).toMatch(/must hold text, got nothing$/)
})

test('a folder without readable types lists the types it holds', async () => {
  using folder = tempFolder({ 'a.png': 'x', 'b.png': 'y', 'c.wav': 'z' })
  const error = await failure({ paths: [folder.path] })
  expect(error.message).toContain('must hold files of a type that is read, got .png (2), .wav (1)')
  expect(error.hint).toContain('.txt .md .jsonl .parquet')
})

test('texts that differ in line ends only count once, unless duplicates are wanted', async () => {
  using folder = tempFolder({ 'a.txt': 'one\ntwo\n', 'b.txt': 'one\r\ntwo' })
  const corpus = await openCorpus({ paths: [folder.path] })
  expect(corpus.ledger.skipped.get('duplicate')).toBe(1)
  expect(pathsOf(corpus)).toEqual(['a.txt'])
  expect((await openCorpus({ paths: [folder.path], duplicates: true })).documents).toHaveLength(2)
})

test('the limit on text stops the reading and says so', async () => {
  using folder = tempFolder({ 'a.txt': 'x'.repeat(60), 'b.txt': 'y'.repeat(60) })
  const corpus = await openCorpus({ paths: [folder.path], maxBytes: 100 })
  expect(corpus.truncated).toBe(true)
  expect(corpus.bytes).toBe(60)
})

test('a text file of many megabytes becomes several documents that join to the file', async () => {
  const text = Array.from({ length: 200_000 }, (_, i) => `line ${i} of a long file, 50 bytes or so, é\n`).join('')
  using folder = tempFolder({ 'long.txt': text })
  const corpus = await openCorpus({ paths: [folder.path] })
  expect(corpus.documents.map(({ provenance }) => provenance.row)).toEqual([1, 2])
  expect(textsOf(corpus).join('')).toBe(text)
})

test('UTF-16 text is read up to a block and rejected beyond it, in a folder as by name', async () => {
  const line = 'a line of UTF-16 text\n'
  const marked = Buffer.from(`\uFEFF${line.repeat(250_000)}`, 'utf16le')
  using folder = tempFolder({
    'long-be.txt': Buffer.from(marked).swap16(),
    'long-le.txt': marked,
    'short.txt': Buffer.from(`\uFEFF${line}`, 'utf16le'),
  })
  const whole = await openCorpus({ paths: [folder.path] })
  expect(textsOf(whole)).toEqual([line])
  const reason = 'UTF-16 text must be at most 8 MiB; convert it to UTF-8'
  expect(whole.ledger.rejected).toEqual(
    ['long-be.txt', 'long-le.txt'].map((name) => ({ path: folder.file(name), reason })),
  )
  expect((await failure({ paths: [folder.file('long-le.txt')] })).message).toContain(reason)
})

// ---- hostile input ----

test('broken lines are noted with their place and the rest is read', async () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  using folder = tempFolder({
    'rows.jsonl': Buffer.concat([
      Buffer.from('{"text":"good"}\n{"text":\n{"question":"q","answer":"a"}\n7\n'),
      Buffer.from(`${deep}\n{"text":{"deep":1}}\n{"parts":[{"text":1}]}\n{"parts":[]}\n`),
      Buffer.from('{"text":"nul \0"}\n{"text":"lone \\ud800 half"}\n\n   \n{"text":"bad '),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}\n{"text":"escaped \\u0000 nul"}'),
    ]),
  })
  const corpus = await openCorpus({ paths: [folder.file('rows.jsonl')] })
  expect(textsOf(corpus)).toEqual(['good', 'lone \uFFFD half', 'bad \uFFFD(', 'escaped \0 nul'])
  expect(corpus.ledger.repairedDocuments).toBe(2)
  const file = folder.file('rows.jsonl')
  const reasons = Object.fromEntries(
    corpus.ledger.rejected.map(({ path, reason }) => [path.slice(file.length), reason]),
  )
  expect(reasons[':2']).toContain('a line must be JSON')
  expect(reasons[':3']).toBe('a row must have a text, content or parts field, got an object with question, answer')
  expect(reasons[':4']).toBe('a row must be an object with text or parts, got number')
  expect(reasons).toHaveProperty(':5')
  expect(reasons[':6']).toBe('text must be a string, got an object with deep')
  expect(reasons[':7']).toBe('parts[0] must hold text, inlineData or fileData, got an object with text')
  expect(reasons[':8']).toBe('parts must hold at least one part, got none')
  expect(reasons[':9']).toBe('a line must be text, got a NUL byte')
  expect(corpus.ledger.rejectedCount).toBe(8)
})

test('when nothing can be read the error names the fields that were found', async () => {
  using folder = tempFolder({ 'rows.jsonl': '{"question":"a","answer":"b"}\n{"question":"c","answer":"d"}\n' })
  const error = await failure({ paths: [folder.path] })
  expect(error.message).toContain('rows.jsonl:1: a row must have a text, content or parts field')
  expect(error.message).toContain('got an object with question, answer (and 1 more)')
  expect(textsOf(await openCorpus({ paths: [folder.path], field: 'question' }))).toEqual(['a', 'c'])
})

test('a binary named outright is an error, one in a folder is passed over', async () => {
  using folder = tempFolder({ 'a.txt': Buffer.from([1, 0, 2]), 'b.txt': 'text' })
  expect((await failure({ paths: [folder.file('a.txt')] })).message).toContain('got a NUL byte')
  const corpus = await openCorpus({ paths: [folder.path] })
  expect(textsOf(corpus)).toEqual(['text'])
  expect(corpus.ledger.skipped.get('binary')).toBe(1)
})

test('a link in a folder is not followed, so a loop ends', async () => {
  using folder = tempFolder({ 'a.txt': 'text' })
  mkdirSync(folder.file('sub'))
  symlinkSync(folder.path, folder.file('sub/up'))
  symlinkSync('/etc/hostname', folder.file('host.txt'))
  const corpus = await openCorpus({ paths: [folder.path] })
  expect(pathsOf(corpus)).toEqual(['a.txt'])
  expect(corpus.ledger.skipped.get('symbolic link')).toBe(2)
})
