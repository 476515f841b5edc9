// Special tokens: the default list, and the rules every list must keep.
import { PolluxError } from '../util/index.ts'

/**
 * Default special tokens, ids from 0. The first five are Gemma's (pad 0, eos 1, bos 2, unk 3, mask 4); turns, thought,
 * tools and media follow by Gemma's names. A byte-level vocabulary never needs <unk>; it only keeps the ids.
 */
export const DEFAULT_SPECIAL_TOKENS: readonly string[] = [
  ...['<pad>', '<eos>', '<bos>', '<unk>', '<mask>', '<|turn>', '<turn|>', '<|think|>', '<|channel>', '<channel|>'],
  ...['<|tool>', '<tool|>', '<|tool_call>', '<tool_call|>', '<|tool_response>', '<tool_response|>', '<|"|>'],
  ...['<|image>', '<|image|>', '<image|>', '<|audio>', '<|audio|>', '<audio|>', '<|video|>'],
]

const EOS = ['<eos>', '</s>', '<|endoftext|>', '<|end_of_text|>']

/** Names under which vocabularies keep a role, ours first. What opens a document or fills places may be what closes one. */
export const ROLES = {
  eos: EOS,
  bos: ['<bos>', '<s>', '<|begin_of_text|>', ...EOS],
  pad: ['<pad>', '<|pad|>', ...EOS],
}

/** Checks a list of special tokens: texts of two characters or more, well-formed, no two alike. */
export function checkSpecialTokens(op: string, tokens: readonly string[]): void {
  const seen = new Set<string>()
  for (const token of tokens) {
    if (typeof token !== 'string' || token.length < 2 || !token.isWellFormed()) {
      throw new PolluxError(`${op}: a special token must be text of 2 characters or more, got ${JSON.stringify(token)}`)
    }
    if (seen.has(token)) throw new PolluxError(`${op}: special tokens must differ, got ${JSON.stringify(token)} twice`)
    seen.add(token)
  }
}

/** A regular expression that finds any of `tokens`, the longest where several begin. */
export function specialFinder(tokens: Iterable<string>): RegExp | undefined {
  const longestFirst = [...tokens].sort((a, b) => b.length - a.length)
  if (longestFirst.length === 0) return undefined
  return new RegExp(longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'gu')
}
