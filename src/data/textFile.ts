// From the bytes of a file to text: encodings, and what does not count as text that a person wrote.
import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'

const replacement = '\uFFFD'
const utf8 = new TextDecoder('utf-8')

/** Text of a file and the number of byte sequences that had to be replaced. */
export interface DecodedText {
  text: string
  replaced: number
}

/**
 * Decodes UTF-8, or UTF-16 with a byte order mark; the mark itself is dropped.
 *
 * @returns null when the bytes are no text: they hold a NUL
 */
export function decodeText(bytes: Uint8Array): DecodedText | null {
  if (bytes.length >= 2 && bytes[0] === 0xff && bytes[1] === 0xfe) return decodeUtf16(bytes, 'utf-16le')
  if (bytes.length >= 2 && bytes[0] === 0xfe && bytes[1] === 0xff) return decodeUtf16(bytes, 'utf-16be')
  if (bytes.includes(0)) return null
  const text = utf8.decode(bytes)
  return { text, replaced: isUtf8(bytes) ? 0 : count(text, replacement) - countReplacementBytes(bytes) }
}

function decodeUtf16(bytes: Uint8Array, encoding: string): DecodedText | null {
  const text = new TextDecoder(encoding).decode(bytes)
  if (text.includes('\0')) return null
  return { text, replaced: 0 }
}

/** A string as UTF-8 can hold it: surrogates without a partner become U+FFFD. */
export function wellFormed(text: string): DecodedText {
  if (text.isWellFormed()) return { text, replaced: 0 }
  const fixed = text.toWellFormed()
  return { text: fixed, replaced: count(fixed, replacement) - count(text, replacement) }
}

function count(text: string, what: string): number {
  let n = 0
  for (let at = text.indexOf(what); at >= 0; at = text.indexOf(what, at + what.length)) n++
  return n
}

/** U+FFFD that the file itself spells, EF BF BD. */
function countReplacementBytes(bytes: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const spelled = Buffer.from(replacement)
  let n = 0
  for (let at = buffer.indexOf(spelled); at >= 0; at = buffer.indexOf(spelled, at + 3)) n++
  return n
}

/**
 * Hash that tells duplicates: files that differ in line ends, blanks before them, or blank lines around the
 * text are equal.
 *
 * @returns 16 hex digits
 */
export function contentHash(text: string): string {
  const needsWork = /[ \t\r]\n|\r|^\s|\s$/.test(text)
  const normalised = needsWork
    ? text
        .replace(/\r\n?/g, '\n')
        .replace(/[ \t]+\n/g, '\n')
        .trim()
    : text
  return hash('sha256', normalised, 'hex').slice(0, 16)
}

/** What the shape of a text says about who wrote it; measured on the first 64 K characters. */
export interface TextShape {
  /** UTF-16 units. */
  meanLine: number
  longestLine: number
  /** Shares of all characters, 0 to 1. */
  whitespace: number
  letters: number
}

const looked = 65536

export function shapeOf(text: string): TextShape {
  const length = Math.min(text.length, looked)
  let lines = 1
  let lineStart = 0
  let longestLine = 0
  let whitespace = 0
  let letters = 0
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i)
    if (c === 10) {
      longestLine = Math.max(longestLine, i - lineStart)
      lineStart = i + 1
      lines++
    }
    if (c === 32 || (c >= 9 && c <= 13)) whitespace++
    else if ((c | 32) >= 97 && (c | 32) <= 122) letters++
    // Scripts beyond Latin count as letters as a whole; symbols among them are rare.
    else if (c >= 0xc0) letters++
  }
  longestLine = Math.max(longestLine, length - lineStart)
  return { meanLine: length / lines, longestLine, whitespace: whitespace / length, letters: letters / length }
}

/**
 * Whether code was written by a tool for a tool. Hand-written code has lines of 25 to 45 characters and
 * 15 to 35 % blanks; minifiers leave lines of thousands and under 8 %. Generated tables (Unicode ranges,
 * base64, parser states) are a quarter letters or less.
 *
 * @returns the reason to leave the file out, or null
 */
export function codeProblem(text: string): 'minified' | 'table of data' | null {
  if (text.length < 64) return null
  const shape = shapeOf(text)
  if (shape.meanLine > 160 || shape.longestLine > 5000 || shape.whitespace < 0.08) return 'minified'
  return shape.letters < 0.3 ? 'table of data' : null
}

/** The same for prose, which may keep a paragraph on one line: only tables and data in disguise are left out. */
export function proseProblem(text: string): 'minified' | 'table of data' | null {
  if (text.length < 64) return null
  const shape = shapeOf(text)
  if (shape.longestLine > 20_000) return 'minified'
  return shape.letters < 0.3 ? 'table of data' : null
}
