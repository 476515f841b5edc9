// Sets of characters as terms of bytes: UTF-8 as it is, or as the inside of a JSON string.
//
// A range of characters is cut where UTF-8 changes its length and where a continuation byte runs over, until each piece is
// a sequence of byte ranges (the way of RE2, Cox 2010). In JSON a character has many spellings; here it has
// the one that JSON.stringify writes, so that a language of texts becomes a language of bytes one to one.
import type { Term, Terms } from './term.ts'

export type Range = readonly [from: number, to: number]

/** How characters are written. */
export type Writing = 'plain' | 'json'

const LAST = 0x10ffff
const SURROGATES: Range = [0xd800, 0xdfff]
const SHORT_ESCAPES: Readonly<Record<number, string>> = { 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r', 34: '"', 92: '\\' }

/** Every character that text can hold. */
export const ALL_CHARACTERS: readonly Range[] = [[0, LAST]]

/** Sorted, without overlaps. */
export function normalRanges(ranges: readonly Range[]): Range[] {
  const out: [number, number][] = []
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1)
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else out.push([from, to])
  }
  return out
}

/** All other characters. */
export function otherRanges(ranges: readonly Range[]): Range[] {
  const out: Range[] = []
  let next = 0
  for (const [from, to] of normalRanges(ranges)) {
    if (from > next) out.push([next, from - 1])
    next = to + 1
  }
  if (next <= LAST) out.push([next, LAST])
  return out
}

/** One character of a set, as bytes. Surrogates are no characters and left out. */
export function characters(terms: Terms, ranges: readonly Range[], writing: Writing): Term {
  const options: Term[] = []
  for (const range of normalRanges(ranges)) {
    for (const [from, to] of without(range, SURROGATES)) {
      if (writing === 'plain') addUtf8(terms, from, to, options)
      else addJson(terms, from, to, options)
    }
  }
  return terms.alt(options)
}

/** The text of one character in a JSON string, as JSON.stringify writes it. */
function jsonCharacter(code: number): string {
  const short = SHORT_ESCAPES[code]
  return short ? `\\${short}` : `\\u${code.toString(16).padStart(4, '0')}`
}

function addJson(terms: Terms, from: number, to: number, options: Term[]): void {
  for (let code = from; code <= Math.min(to, 92); code++) {
    if (code < 32 || code in SHORT_ESCAPES) options.push(terms.literal(jsonCharacter(code)))
  }
  for (const [low, high] of without([Math.max(from, 32), to], [34, 34])) {
    for (const [a, b] of without([low, high], [92, 92])) addUtf8(terms, a, b, options)
  }
}

function without([from, to]: Range, [start, end]: Range): Range[] {
  const parts: Range[] = [
    [from, Math.min(to, start - 1)],
    [Math.max(from, end + 1), to],
  ]
  return parts.filter(([a, b]) => a <= b)
}

function addUtf8(terms: Terms, from: number, to: number, options: Term[]): void {
  if (from > to) return
  for (const limit of [0x7f, 0x7ff, 0xffff]) {
    if (from <= limit && to > limit) {
      addUtf8(terms, from, limit, options)
      addUtf8(terms, limit + 1, to, options)
      return
    }
  }
  if (to <= 0x7f) {
    options.push(terms.range(from, to))
    return
  }
  for (const bits of [6, 12, 18]) {
    const mask = (1 << bits) - 1
    if (from >> bits === to >> bits) continue
    if ((from & mask) !== 0) {
      addUtf8(terms, from, from | mask, options)
      addUtf8(terms, (from | mask) + 1, to, options)
      return
    }
    if ((to & mask) !== mask) {
      addUtf8(terms, from, (to & ~mask) - 1, options)
      addUtf8(terms, to & ~mask, to, options)
      return
    }
  }
  const [low, high] = [Buffer.from(String.fromCodePoint(from)), Buffer.from(String.fromCodePoint(to))]
  options.push(terms.seq(Array.from(low, (byte, i) => terms.range(byte, high[i]))))
}
