// Text and bytes: UTF-8 without garbage, GPT-2's printable names for bytes, and byte sequences that are no text.

import { TextDecoder } from 'node:util'

const utf8Encoder = new TextEncoder()
const LARGEST_SCRATCH = 1 << 22
let scratch = new Uint8Array(1 << 14)

/** UTF-8 of `text` (lone surrogates become U+FFFD). Holds until the next call. */
export function utf8Scratch(text: string): Uint8Array {
  const atMost = text.length * 3
  if (atMost > LARGEST_SCRATCH) return Buffer.from(text, 'utf8')
  if (atMost > scratch.length) scratch = new Uint8Array(atMost * 2)
  return scratch.subarray(0, utf8Encoder.encodeInto(text, scratch).written)
}

/** UTF-8 of `text` in memory of its own. */
export function utf8(text: string): Uint8Array {
  return utf8Encoder.encode(text)
}

/** A decoder that keeps a byte order mark; bytes that are no UTF-8 become U+FFFD, or throw when `fatal`. */
export function utf8Decoder(fatal = false): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true, fatal })
}

// GPT-2's alphabet: printable Latin-1 bytes stand for themselves, the other 68 for U+0100 onwards.
function byteAlphabet(): string[] {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
    return String.fromCharCode(printable ? byte : next++)
  })
}

const BYTE_NAMES = byteAlphabet()
const BYTE_OF_NAME = new Map(BYTE_NAMES.map((name, byte) => [name, byte]))

/** The name of a token in a byte-level vocabulary. */
export function nameOfBytes(bytes: Uint8Array): string {
  let name = ''
  for (const byte of bytes) name += BYTE_NAMES[byte]
  return name
}

/** The bytes of a byte-level name, or undefined if it is none. */
export function bytesOfName(name: string): Uint8Array | undefined {
  const bytes = new Uint8Array(name.length)
  for (let i = 0; i < name.length; i++) {
    const byte = BYTE_OF_NAME.get(name[i])
    if (byte === undefined) return undefined
    bytes[i] = byte
  }
  return bytes
}

const ESCAPE = 0xdc00

/**
 * Any bytes as a string a regular expression can read: valid UTF-8 as text, every other byte b as the lone surrogate
 * U+DC00 + b (Python's "surrogateescape").
 */
export function escapeBytes(bytes: Uint8Array): string {
  try {
    return utf8Decoder(true).decode(bytes)
  } catch {
    return escapeSlowly(bytes)
  }
}

function escapeSlowly(bytes: Uint8Array): string {
  const decoder = utf8Decoder(true)
  let text = ''
  for (let i = 0; i < bytes.length;) {
    const size = bytes[i] < 0x80 ? 1 : bytes[i] < 0xe0 ? 2 : bytes[i] < 0xf0 ? 3 : 4
    try {
      text += decoder.decode(bytes.subarray(i, i + size))
      i += size
    } catch {
      text += String.fromCharCode(ESCAPE + bytes[i++])
    }
  }
  return text
}

/** Bytes that a piece of escapeBytes' text stands for. */
export function escapedLength(piece: string): number {
  if (piece.isWellFormed()) return Buffer.byteLength(piece)
  let length = 0
  for (const character of piece) length += character.isWellFormed() ? Buffer.byteLength(character) : 1
  return length
}
