// What a corpus is made of, for the record: one line a document.
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import type { Split } from './split.ts'
import type { TokenStream } from './tokenStream.ts'

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
