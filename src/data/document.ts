// The document: the unit of every corpus.
//
// A document is a list of parts with the shapes of the Gemini API (text, inlineData, fileData), so one
// schema serves a row of a training set, a picture with its caption and a chat request. Text files make
// documents of one text part; sources of images and sound add the other kinds.
import { isRecord } from '../util/index.ts'

/** One part of a document, as the Gemini API writes it. */
export type Part = TextPart | InlineDataPart | FileDataPart
export interface TextPart {
  text: string
  /** False: read, not predicted (a question). Ours, beside the Gemini fields; default true. */
  target?: boolean
}
/** Bytes in place, base64. */
export interface InlineDataPart {
  inlineData: { mimeType: string; data: string }
  /** True: predicted, as codes of a media tokenizer. Ours; default false. */
  target?: boolean
}
/** Bytes elsewhere: a path or an address. */
export interface FileDataPart {
  fileData: { mimeType?: string; fileUri: string }
  target?: boolean
}

/** Where a document comes from; kept with it to the end. */
export interface Provenance {
  /** What was opened: a path as the caller gave it, or 'node_modules'. */
  source: string
  /** File, relative to the source; with '/' on every system. */
  path: string
  /** Row of a .jsonl (line, from 1) or .parquet (from 1) file, or block of a long text file (from 1). */
  row?: number
  /** Npm package, its version, and its licence as package.json states it ('unknown' if it does not). */
  package?: string
  version?: string
  licence?: string
}

/** A document as a source reads it. */
export interface Document {
  parts: Part[]
  provenance: Provenance
  /** Documents of one group stay on the same side of the train/validation split. Default: the content itself. */
  group?: string
}

/** A document of an opened corpus. */
export interface CorpusDocument extends Document {
  /** The first 16 hex digits of the SHA-256 of its text, line ends and trailing blanks aside. */
  hash: string
  /** UTF-8 bytes of its text. */
  bytes: number
}

/** The text of a document: its text parts, joined; other kinds stand for nothing here. */
export function textOf(document: Pick<Document, 'parts'>): string {
  const [first] = document.parts
  if (document.parts.length === 1 && 'text' in first) return first.text
  let text = ''
  for (const part of document.parts) if ('text' in part) text += part.text
  return text
}

/** True when there is more to a document than text. */
export function hasMedia({ parts }: Pick<Document, 'parts'>): boolean {
  return parts.some((part) => !('text' in part))
}

/** Reads the `parts` of a row from outside; returns what is wrong with them when they are no parts. */
export function readParts(value: unknown): Part[] | string {
  if (!Array.isArray(value)) return `parts must be a list, got ${nameOf(value)}`
  if (value.length === 0) return 'parts must hold at least one part, got none'
  const parts: Part[] = []
  for (const [i, item] of value.entries()) {
    const part = readPart(item)
    if (part === null) return `parts[${i}] must hold text, inlineData or fileData, got ${nameOf(item)}`
    parts.push(part)
  }
  return parts
}

/** Tables write the kinds that a part is not as null, so only what is there counts. */
function readPart(value: unknown): Part | null {
  if (!isRecord(value)) return null
  const { text, inlineData, fileData } = value
  const target = typeof value.target === 'boolean' ? { target: value.target } : {}
  if (typeof text === 'string') return { text, ...target }
  if (isRecord(inlineData) && typeof inlineData.mimeType === 'string' && typeof inlineData.data === 'string') {
    return { inlineData: { mimeType: inlineData.mimeType, data: inlineData.data }, ...target }
  }
  if (!isRecord(fileData) || typeof fileData.fileUri !== 'string') return null
  const mimeType = typeof fileData.mimeType === 'string' ? { mimeType: fileData.mimeType } : {}
  return { fileData: { ...mimeType, fileUri: fileData.fileUri }, ...target }
}

/** What a value is, for messages. */
export function nameOf(value: unknown): string {
  if (isRecord(value)) return `an object with ${Object.keys(value).slice(0, 12).join(', ') || 'no fields'}`
  return Array.isArray(value) ? 'a list' : value === null ? 'null' : typeof value
}
