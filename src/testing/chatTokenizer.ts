// A real Tokenizer of single bytes with the special tokens of conversations: what it makes of a text can be told by eye.
import { DEFAULT_PATTERN, DEFAULT_SPECIAL_TOKENS, Tokenizer } from '../tokenizer/index.ts'

/** Ids 0-23 are the default special tokens, `more` follow, then the 256 bytes. */
export function chatTokenizer(more: readonly string[] = []): Tokenizer {
  const names = [...DEFAULT_SPECIAL_TOKENS, ...more]
  return new Tokenizer({
    tokens: [
      ...names.map((name) => Buffer.from(name)),
      ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    ],
    merges: new Int32Array(0),
    specialTokens: new Map(names.map((name, id) => [name, id])),
    pattern: DEFAULT_PATTERN,
  })
}
