// Pieces of JSON's own text as terms.
import type { Term, Terms } from './term.ts'
import { ALL_CHARACTERS, characters } from './unicode.ts'

/** One character of a string, in any spelling that JSON allows. */
export function stringCharacter(terms: Terms): Term {
  const hex = terms.bytes([
    [48, 57],
    [65, 70],
    [97, 102],
  ])
  const d = terms.bytes([
    [68, 68],
    [100, 100],
  ])
  const unit = (...digits: Term[]): Term => terms.seq([terms.literal('\\u'), ...digits])
  const notD = terms.bytes([
    [48, 57],
    [65, 67],
    [69, 70],
    [97, 99],
    [101, 102],
  ])
  const high = terms.bytes([
    [56, 57],
    [65, 66],
    [97, 98],
  ])
  const low = terms.bytes([
    [67, 70],
    [99, 102],
  ])
  return terms.alt([
    characters(terms, ALL_CHARACTERS, 'json'),
    terms.cat(
      terms.range(92),
      terms.bytes(Array.from('"\\/bfnrt', (c) => [c.charCodeAt(0), c.charCodeAt(0)] as const)),
    ),
    unit(notD, hex, hex, hex),
    unit(d, terms.range(48, 55), hex, hex),
    terms.cat(unit(d, high, hex, hex), unit(d, low, hex, hex)),
  ])
}

/** A string with its quotes around what it holds. */
export function quoted(terms: Terms, inside: Term): Term {
  return terms.seq([terms.range(34), inside, terms.range(34)])
}

/** Any string of a number of characters. */
export function anyString(terms: Terms, min = 0, max = Infinity): Term {
  return quoted(terms, terms.rep(stringCharacter(terms), min, max))
}

/** A text as JSON.stringify writes its inside. */
export function escaped(text: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(text).slice(1, -1))
}
