// What a corpus is made of: a table by licence, and one line a document for the record.
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import type { Corpus } from './corpus.ts'
import type { Split } from './split.ts'
import type { TokenStream } from './tokenStream.ts'
import { byName } from './walk.ts'

/** One licence of a corpus. */
export interface LicenceRow {
  /** As stated by the package; 'not stated' for files that the caller gave. */
  licence: string
  packages: number
  documents: number
  /** UTF-8 bytes of text. */
  bytes: number
}

/** Licences of a corpus, the one with the most text first. */
export function licenceTable({ documents }: Pick<Corpus, 'documents'>): LicenceRow[] {
  const rows = new Map<string, LicenceRow & { names: Set<string> }>()
  for (const { provenance, bytes } of documents) {
    const licence = provenance.licence ?? 'not stated'
    let row = rows.get(licence)
    if (!row) rows.set(licence, (row = { licence, packages: 0, documents: 0, bytes: 0, names: new Set() }))
    row.documents++
    row.bytes += bytes
    if (provenance.package !== undefined) row.names.add(`${provenance.package}@${provenance.version}`)
  }
  return [...rows.values()]
    .sort((a, b) => b.bytes - a.bytes || byName(a.licence, b.licence))
    .map(({ names, ...row }) => ({ ...row, packages: names.size }))
}

/**
 * Writes provenance.jsonl: a line for each document on each side, with its hash, bytes, split and tokens.
 * The file is written aside and renamed.
 *
 * @param streams token streams of the two sides, when they are known
 */
export function writeProvenance(
  path: string,
  split: Split,
  streams: { train?: TokenStream; validation?: TokenStream } = {},
): void {
  const aside = `${path}.${process.pid}.part`
  const file = openSync(aside, 'w')
  try {
    for (const side of ['train', 'validation'] as const) {
      const starts = streams[side]?.starts
      for (const [i, { document, text, whole }] of split[side].entries()) {
        const { provenance, hash } = document
        const bytes = Buffer.byteLength(text)
        const tokens = starts ? { tokens: starts[i + 1] - starts[i] } : {}
        const line = { ...provenance, hash, split: side, bytes, ...tokens, ...(whole ? {} : { part: true }) }
        writeSync(file, `${JSON.stringify(line)}\n`)
      }
    }
  } catch (error) {
    rmSync(aside, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  renameSync(aside, path)
}
