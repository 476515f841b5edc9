// Reads .jsonl: one document a line. A broken line is noted and the rest of the file is read.
import type { Document, Provenance } from './document.ts'
import { reasonOf } from './errors.ts'
import type { Ledger } from './ledger.ts'
import { lineBytes, readLines } from './readBlocks.ts'
import { partsOfRow } from './rows.ts'
import { decodeText } from './textFile.ts'

/** @param field read this string field instead of text, content or parts */
export function* readJsonl(
  path: string,
  provenance: Provenance,
  { ledger, field }: { ledger: Ledger; field?: string },
): Generator<Document> {
  for (const { number, bytes } of readLines(path)) {
    const reject = (reason: string): void => ledger.reject(path, reason, number)
    if (bytes === null) {
      reject(`a line must be at most ${lineBytes / 2 ** 20} MiB, got more`)
      continue
    }
    const decoded = decodeText(bytes)
    if (decoded === null) {
      reject('a line must be text, got a NUL byte')
      continue
    }
    if (decoded.text.trim() === '') continue
    ledger.repaired(decoded.replaced)
    const row = parse(decoded.text)
    const parts = typeof row === 'string' ? row : partsOfRow(row.value, ledger, field)
    if (typeof parts === 'string') reject(parts)
    else yield { parts, provenance: { ...provenance, row: number } }
  }
}

function parse(line: string): { value: unknown } | string {
  try {
    return { value: JSON.parse(line) as unknown }
  } catch (error) {
    return `a line must be JSON, got ${reasonOf(error)}`
  }
}
