// Split patterns: the regular expression that cuts text into chunks before any merge.
//
// A pattern is the source of a JavaScript regular expression with the flag u (or v, where u does not take it). What
// lies between matches is a chunk as well. The patterns of GPT-2 and GPT-4 in the spellings below run natively
// (native/tokenizer/splitter.h); any other runs in JavaScript. tokenizer.json is read as Oniguruma's dialect, which
// means something else by \s, \d, \w, \b, `.`, `^` and `$`: a pattern to be saved avoids them, so it is the same to all.
import { PolluxError } from '../util/index.ts'
import { escapeBytes, escapedLength, utf8Scratch } from './bytes.ts'

const CONTRACTION = String.raw`'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])`
const SPACES = {
  unicode: [String.raw`\p{White_Space}`, String.raw`\P{White_Space}`],
  js: [String.raw`\s`, String.raw`\S`],
} as const

function gpt4(digits: number, space: keyof typeof SPACES = 'unicode'): string {
  const [s, other] = SPACES[space]
  const number = digits === 1 ? String.raw`\p{N}` : String.raw`\p{N}{1,${digits}}`
  const words = String.raw`${CONTRACTION}|[^\r\n\p{L}\p{N}]?\p{L}+|${number}| ?[^${s}\p{L}\p{N}]+[\r\n]*`
  return String.raw`${words}|${s}*[\r\n]+|${s}+(?!${other})|${s}+`
}

function gpt2(space: keyof typeof SPACES = 'unicode'): string {
  const [s, other] = SPACES[space]
  return String.raw`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^${s}\p{L}\p{N}]+|${s}+(?!${other})|${s}+`
}

/** Ready patterns. The number in gpt4DigitsN is the most digits a chunk takes. */
export const PATTERNS = {
  gpt2: gpt2(),
  gpt4Digits1: gpt4(1),
  gpt4Digits2: gpt4(2),
  gpt4Digits3: gpt4(3),
  /** OpenAI's cl100k_base as JavaScript libraries spell it: its \s and $ cannot be saved to tokenizer.json. */
  cl100k: String.raw`'(?:[sS]|[dD]|[mM]|[tT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$|\s*[\r\n]|\s+(?!\S)|\s`,
} as const

/** GPT-4's pattern with at most two digits a chunk, the best of 1, 2 and 3 at 32K tokens (nanochat, 2026-01-13). */
export const DEFAULT_PATTERN: string = PATTERNS.gpt4Digits2

// Codes of SplitPattern in native/tokenizer/splitter.h.
const GPT2 = 1
const UNICODE_SPACE = 0x100
const WHOLE_TAIL = 0x200
const NATIVE_CODES = new Map<string, number>([
  [PATTERNS.gpt2, GPT2 | UNICODE_SPACE],
  [gpt2('js'), GPT2],
  [String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, GPT2],
  [PATTERNS.cl100k, WHOLE_TAIL | (3 << 4)],
  ...[1, 2, 3].map((n): [string, number] => [gpt4(n), UNICODE_SPACE | (n << 4)]),
  ...[1, 2, 3].map((n): [string, number] => [gpt4(n, 'js'), n << 4]),
])

/** A pattern ready to cut: natively when `code` is set, else by `regex`. */
export interface Pattern {
  source: string
  code: number | undefined
  regex: RegExp
}

/** Compiles a pattern. @throws PolluxError naming `op` when it is no regular expression of flag u or v. */
export function compilePattern(op: string, pattern: string | RegExp): Pattern {
  const source = typeof pattern === 'string' ? pattern : pattern.source
  if (typeof pattern !== 'string' && (!/[uv]/.test(pattern.flags) || /[ims]/.test(pattern.flags))) {
    throw new PolluxError(
      `${op}: the pattern must have the flag u or v and neither i, m nor s, got /${source}/${pattern.flags}`,
    )
  }
  const regex = compile(source, 'gu') ?? compile(source, 'gv')
  if (regex === undefined || source === '') {
    throw new PolluxError(`${op}: the pattern must be a regular expression with flag u or v, got ${source}`)
  }
  return { source, code: NATIVE_CODES.get(source), regex }
}

function compile(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(source, flags)
  } catch {
    return undefined
  }
}

/** Throws when tokenizer.json cannot carry a pattern, because Oniguruma would read it in another way. */
export function checkPortable(op: string, source: string): void {
  const withoutClasses = source
    .replace(/\\[^sSdDwWbB]/gu, 'x')
    .replace(/\[[^\]]*\]/gu, (set) => set.replace(/[.^$]/g, ''))
  const found = /\\[sSdDwWbB]|\(\?[a-z-]*[ims]|[.^$]/u.exec(withoutClasses)
  if (found === null) return
  throw new PolluxError(
    `${op}: the pattern must mean the same to every reader of tokenizer.json, got ${found[0]} in ${source}`,
    { hint: String.raw`write \p{White_Space} for \s, \p{Nd} for \d, [^\n] for . and [aA] for a case-insensitive a` },
  )
}

/** Chunks of `text`: its matches and what lies between them, in order. */
export function splitText(pattern: Pattern, text: string): string[] {
  const pieces: string[] = []
  let from = 0
  for (const match of text.matchAll(pattern.regex)) {
    if (from < match.index) pieces.push(text.slice(from, match.index))
    if (match[0].length > 0) pieces.push(match[0])
    from = match.index + match[0].length
  }
  if (from < text.length) pieces.push(text.slice(from))
  return pieces
}

/** Bytes with the ends of their chunks; `bytes` holds until the next use of utf8Scratch. */
export interface Chunks {
  bytes: Uint8Array
  ends: Uint32Array
}

function endsOf(pieces: string[], lengthOf: (piece: string) => number): Uint32Array {
  const ends = new Uint32Array(pieces.length)
  let end = 0
  for (let i = 0; i < pieces.length; i++) {
    end += lengthOf(pieces[i])
    ends[i] = end
  }
  return ends
}

/** Chunks of a text, as UTF-8. */
export function chunksOfText(pattern: Pattern, text: string): Chunks {
  const ends = endsOf(splitText(pattern, text), (piece) => Buffer.byteLength(piece))
  return { bytes: utf8Scratch(text), ends }
}

/** Chunks of any bytes. */
export function chunksOfBytes(pattern: Pattern, bytes: Uint8Array): Chunks {
  return { bytes, ends: endsOf(splitText(pattern, escapeBytes(bytes)), escapedLength) }
}
