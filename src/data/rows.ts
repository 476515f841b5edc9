// Rows of a table of documents: .jsonl and .parquet.
//
// A row holds its document in `parts` (text, inlineData, fileData), or as one string in `text` or `content`.
import { isRecord } from '../util/index.ts'
import { nameOf, readParts } from './document.ts'
import type { Part } from './document.ts'
import type { Ledger } from './ledger.ts'
import { wellFormed } from './textFile.ts'

/** Names of the fields that may hold a document, the first that is there counts. */
export const documentFields = ['parts', 'text', 'content'] as const

/**
 * Parts of a row.
 *
 * @param field read this string field instead of the usual ones
 * @returns what is wrong with the row when it holds no document
 */
export function partsOfRow(row: unknown, ledger: Ledger, field?: string): Part[] | string {
  if (!isRecord(row)) return `a row must be an object with text or parts, got ${nameOf(row)}`
  const name = field ?? documentFields.find((candidate) => isThere(row[candidate]))
  if (name === undefined || !isThere(row[name])) {
    return `a row must have ${field ?? 'a text, content or parts field'}, got ${nameOf(row)}`
  }
  const value = row[name]
  const parts = typeof value === 'string' ? [{ text: value }] : readParts(value)
  if (typeof parts === 'string') return name === 'parts' ? parts : `${name} must be a string, got ${nameOf(value)}`
  return repairText(parts, ledger)
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null
}

function repairText(parts: Part[], ledger: Ledger): Part[] {
  let replaced = 0
  for (const part of parts) {
    if (!('text' in part)) continue
    const repaired = wellFormed(part.text)
    part.text = repaired.text
    replaced += repaired.replaced
  }
  ledger.repaired(replaced)
  return parts
}
