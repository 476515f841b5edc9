// Files that the caller names: folders, files and patterns.
//
// A folder gives the text files under it, by extension; a file named outright is read whatever it is
// called. What cannot be read is noted; a path that is not there at all is an error, for it is a typing slip.
import { glob, stat } from 'node:fs/promises'
import { statSync } from 'node:fs'
import { basename, join, relative, resolve, sep } from 'node:path'
import type { Document, Provenance } from './document.ts'
import { dataError, reasonOf } from './errors.ts'
import { describesData, extensionOf, isBundleName, kindOf } from './fileTypes.ts'
import type { FileKind } from './fileTypes.ts'
import { readJsonl } from './jsonl.ts'
import type { Ledger } from './ledger.ts'
import { readParquet } from './parquet.ts'
import { blockBytes, readBlocks } from './readBlocks.ts'
import type { Source } from './source.ts'
import { codeProblem, decodeText } from './textFile.ts'
import { byName, walkFiles } from './walk.ts'

interface FoundFile {
  path: string
  /** Relative to what was given. */
  name: string
  kind: FileKind
  /** Named outright, not found in a folder. */
  named: boolean
}

/**
 * A folder, file or pattern as a source.
 *
 * @param given DIR, FILE or GLOB
 * @param options.field string field of .jsonl and .parquet rows to read instead of text, content or parts
 * @throws PolluxError when there is no such folder or file, or nothing matches the pattern
 */
export async function fileSource(given: string, { field }: { field?: string } = {}): Promise<Source> {
  const roots = await resolveGiven(given)
  return {
    name: given,
    async *documents(ledger) {
      const seen = new Set<string>()
      for (const root of roots) {
        for (const file of findFiles(root, ledger, roots.length > 1)) {
          if (seen.has(file.path)) continue
          seen.add(file.path)
          const provenance: Provenance = { source: given, path: file.name }
          try {
            yield* readFile(file, provenance, { ledger, field })
          } catch (error) {
            ledger.reject(file.path, reasonOf(error))
          }
        }
      }
    },
  }
}

async function resolveGiven(given: string): Promise<string[]> {
  if (given.trim() === '') throw dataError('a path must name a folder, a file or a pattern, got an empty one')
  const there = await stat(given).catch((error: NodeJS.ErrnoException) => error)
  if (!(there instanceof Error)) {
    if (there.isDirectory() || there.isFile()) return [resolve(given)]
    throw dataError(`a path must be a folder or a file, got ${given}, which is neither`)
  }
  if (there.code !== 'ENOENT' && there.code !== 'ENOTDIR') {
    throw dataError(`a path must be readable, got ${there.code} for ${given}`, undefined, there)
  }
  if (!/[*?[\]{}]/.test(given)) {
    throw dataError(`a folder or file must exist, got ${given}`, `ls ${nearestFolder(given)} shows what is there`)
  }
  const matches = (await Array.fromAsync(glob(given))).map((match) => resolve(match)).sort(byName)
  if (matches.length > 0) return matches
  throw dataError(
    `a pattern must match at least one file, got none for ${given}`,
    'quote it, so that the shell leaves it whole',
  )
}

/** The deepest folder of a path that exists. */
function nearestFolder(path: string): string {
  let folder = resolve(path)
  while (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) folder = resolve(folder, '..')
  return relative('.', folder) || '.'
}

function* findFiles(root: string, ledger: Ledger, oneOfMany: boolean): Generator<FoundFile> {
  const there = statSync(root, { throwIfNoEntry: false })
  if (there?.isFile()) {
    const name = oneOfMany ? relative('.', root).split(sep).join('/') : basename(root)
    yield { path: root, name, kind: kindOf(root) ?? 'prose', named: true }
  }
  if (!there?.isDirectory()) return
  const enters = (name: string): boolean => name !== 'node_modules' && !name.startsWith('.')
  for (const file of walkFiles(root, { ledger, enters })) {
    const kind = kindOf(file)
    if (basename(file).startsWith('.')) ledger.skip('other file type')
    else if (describesData(file)) ledger.skip('describes the data')
    else if (kind === null) ledger.skipExtension(extensionOf(file))
    else if (kind === 'code' && isBundleName(file)) ledger.skip('minified')
    else yield { path: join(root, file), name: oneOfMany ? `${basename(root)}/${file}` : file, kind, named: false }
  }
}

function readFile(
  file: FoundFile,
  provenance: Provenance,
  options: { ledger: Ledger; field?: string },
): Iterable<Document> | AsyncIterable<Document> {
  if (file.kind === 'jsonl') return readJsonl(file.path, provenance, options)
  if (file.kind === 'parquet') return readParquet(file.path, provenance, options)
  return readText(file, provenance, options.ledger)
}

function* readText(file: FoundFile, provenance: Provenance, ledger: Ledger): Generator<Document> {
  const long = statSync(file.path).size > blockBytes
  let row = 0
  for (const block of readBlocks(file.path)) {
    if (long && hasUtf16Mark(block)) {
      // Blocks are cut where UTF-8 allows it, and only the first would carry the mark.
      ledger.reject(file.path, `UTF-16 text must be at most ${blockBytes / 2 ** 20} MiB; convert it to UTF-8`)
      return
    }
    const decoded = decodeText(block)
    if (decoded === null) {
      // In a folder a stray binary is passed over; named outright it deserves a word.
      if (file.named) ledger.reject(file.path, 'must be text (UTF-8, or UTF-16 with a mark), got a NUL byte')
      else ledger.skip('binary')
      return
    }
    const problem = file.kind === 'code' && !file.named ? codeProblem(decoded.text) : null
    if (problem) ledger.skip(problem)
    else {
      ledger.repaired(decoded.replaced)
      row++
      yield { parts: [{ text: decoded.text }], provenance: long ? { ...provenance, row } : { ...provenance } }
    }
  }
}

function hasUtf16Mark(bytes: Buffer): boolean {
  return bytes.length >= 2 && ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
}
