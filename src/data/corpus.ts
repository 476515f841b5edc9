// Opens a corpus: sources in, documents without duplicates out, in a fixed order, held in memory.
//
// Memory is bounded by `maxBytes` of text; a larger corpus is read up to there and says so.
import { hasMedia, textOf } from './document.ts'
import type { CorpusDocument, Document } from './document.ts'
import { dataError } from './errors.ts'
import { fileSource } from './files.ts'
import { readableTypes } from './fileTypes.ts'
import { Ledger } from './ledger.ts'
import { nodeModulesSource } from './nodeModules.ts'
import type { Source } from './source.ts'
import { contentHash } from './textFile.ts'

export interface CorpusOptions {
  /** DIR, FILE or GLOB each. Default: the packages under node_modules. */
  paths?: string[]
  /** Folder that holds node_modules, for the default corpus. Default: the current one, else the program's. */
  root?: string
  /** Text to hold at most, bytes. Default 256 MiB. */
  maxBytes?: number
  /** String field of .jsonl and .parquet rows to read instead of text, content or parts. */
  field?: string
  /** Keep documents whose text came before. Default false. */
  duplicates?: boolean
  /** Keep documents with pictures, sound or video, also those without text. Default false: they count by their text. */
  media?: boolean
}

export interface Corpus {
  documents: CorpusDocument[]
  /** UTF-8 bytes of text. */
  bytes: number
  /** What was opened. */
  sources: string[]
  /** What was left out, and why. */
  ledger: Ledger
  /** True when `maxBytes` stopped the reading. */
  truncated: boolean
}

const defaultMaxBytes = 256 * 2 ** 20

/**
 * Opens a corpus of text: by default the packages under node_modules, else the files of `paths`.
 *
 * @example const corpus = await openCorpus({ paths: ['books/', 'notes/*.md'] })
 * @throws PolluxError when a path is not there, a pattern matches nothing, or no document could be read
 */
export async function openCorpus(options: CorpusOptions = {}): Promise<Corpus> {
  const { paths = [], root, field } = options
  const sources: Source[] = []
  for (const path of paths) sources.push(await fileSource(path, { field }))
  if (sources.length === 0) sources.push(nodeModulesSource(root))
  return readSources(sources, options)
}

/** Reads sources of any kind into a corpus. */
export async function readSources(
  sources: Source[],
  {
    maxBytes = defaultMaxBytes,
    duplicates = false,
    media = false,
  }: Pick<CorpusOptions, 'maxBytes' | 'duplicates' | 'media'> = {},
): Promise<Corpus> {
  const ledger = new Ledger()
  const corpus: Corpus = { documents: [], bytes: 0, sources: sources.map(({ name }) => name), ledger, truncated: false }
  const seen = new Set<string>()
  for (const source of sources) {
    for await (const document of source.documents(ledger)) {
      const kept = admit(document, { ledger, seen: duplicates ? null : seen, media })
      if (kept === null) continue
      if (corpus.bytes + kept.bytes > maxBytes) {
        ledger.skip('over the limit')
        corpus.truncated = true
        break
      }
      corpus.documents.push(kept)
      corpus.bytes += kept.bytes
    }
    if (corpus.truncated) break
  }
  if (corpus.documents.length === 0) throw emptyCorpus(corpus)
  return corpus
}

function admit(
  document: Document,
  { ledger, seen, media }: { ledger: Ledger; seen: Set<string> | null; media: boolean },
): CorpusDocument | null {
  const text = textOf(document)
  const withMedia = media && hasMedia(document)
  if (!withMedia && text.trim() === '') {
    ledger.skip(document.parts.some((part) => !('text' in part)) ? 'no text' : 'empty')
    return null
  }
  // media count by what they name or hold: equal labels are no duplicates
  const hash = contentHash(withMedia ? JSON.stringify(document.parts) : text)
  if (seen?.has(hash)) {
    ledger.skip('duplicate')
    return null
  }
  seen?.add(hash)
  return { ...document, hash, bytes: Buffer.byteLength(text) }
}

function emptyCorpus({ sources, ledger, truncated }: Corpus): Error {
  const where = sources.join(', ')
  if (truncated) return dataError(`the limit must leave room for a document of ${where}, got none`, 'raise maxBytes')
  if (ledger.rejectedCount > 0) {
    const [first] = ledger.rejected
    const more = ledger.rejectedCount > 1 ? ` (and ${ledger.rejectedCount - 1} more)` : ''
    return dataError(
      `${where} must hold a document that can be read, got ${first.path}: ${first.reason}${more}`,
      'rows hold their text in "text", "content" or "parts"; rename the field, or convert the file',
    )
  }
  if (ledger.otherExtensions.size > 0) {
    const found = [...ledger.otherExtensions].sort((a, b) => b[1] - a[1]).slice(0, 12)
    const list = found.map(([extension, count]) => `${extension} (${count})`).join(', ')
    return dataError(`${where} must hold files of a type that is read, got ${list}`, `--data takes ${readableTypes}`)
  }
  const skipped = [...ledger.skipped].map(([reason, count]) => `${reason} (${count})`).join(', ')
  return dataError(`${where} must hold text, got ${skipped || 'nothing'}`, `--data takes ${readableTypes}`)
}
