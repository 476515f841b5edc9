// Writes native/tokenizer/unicode_ranges.h from the Unicode tables of the running Node.
//
// The native splitter must agree with JavaScript's regular expressions on \p{L}, \p{N}, \s and
// \p{White_Space}, so the table is taken from them. Run it again when Node brings a newer Unicode:
//   node scripts/unicodeRanges.ts
import { writeFileSync } from 'node:fs'

/** Bits of a class, as native/tokenizer/char_class.h names them. */
const CLASSES: [RegExp, number][] = [
  [/^\p{L}$/u, 1],
  [/^\p{N}$/u, 2],
  [/^\s$/u, 4],
  [/^\p{White_Space}$/u, 8],
]

function classOf(codePoint: number): number {
  const text = String.fromCodePoint(codePoint)
  return CLASSES.reduce((bits, [regex, bit]) => (regex.test(text) ? bits | bit : bits), 0)
}

function ranges(): [number, number, number][] {
  const rows: [number, number, number][] = []
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    const bits = classOf(codePoint)
    if (bits === 0) continue
    const last = rows.at(-1)
    if (last !== undefined && last[1] === codePoint - 1 && last[2] === bits) last[1] = codePoint
    else rows.push([codePoint, codePoint, bits])
  }
  return rows
}

const cells = ranges().map(([first, last, bits]) => `{0x${first.toString(16)}, 0x${last.toString(16)}, ${bits}},`)
const lines: string[] = []
for (const cell of cells) {
  const line = lines.at(-1)
  if (line !== undefined && line.length + 1 + cell.length <= 118) lines[lines.length - 1] = `${line} ${cell}`
  else lines.push(`  ${cell}`)
}
const text = `// Written by scripts/unicodeRanges.ts from Unicode ${process.versions.unicode}: {first, last, class bits} of every code point
// that is a letter (1), a number (2), white space to JavaScript's \\s (4) or White_Space (8).
#pragma once
#include <stdint.h>

namespace pollux::tokenizer {

struct UnicodeRange {
  uint32_t first, last;
  uint8_t bits;
};

inline constexpr UnicodeRange kUnicodeRanges[] = {
${lines.join('\n')}
};

}  // namespace pollux::tokenizer
`
writeFileSync(new URL('../native/tokenizer/unicode_ranges.h', import.meta.url), text)
