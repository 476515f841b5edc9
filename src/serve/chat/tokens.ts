// The special tokens of a conversation in a vocabulary, by Gemma 4's names.
import type { VocabularySource } from '../../inference/index.ts'
import type { Tokenizer } from '../../tokenizer/index.ts'

const names = {
  turnOpen: '<|turn>',
  turnClose: '<turn|>',
  think: '<|think|>',
  channelOpen: '<|channel>',
  channelClose: '<channel|>',
  toolOpen: '<|tool>',
  toolClose: '<tool|>',
  callOpen: '<|tool_call>',
  callClose: '<tool_call|>',
  resultOpen: '<|tool_response>',
  resultClose: '<tool_response|>',
  quote: '<|"|>',
  imageOpen: '<|image>',
} as const

export type ChatTokenName = keyof typeof names

/** Ids by role; undefined for a token that the vocabulary lacks. */
export type ChatTokens = Readonly<Record<ChatTokenName, number | undefined>> & {
  readonly bos: number | undefined
  readonly eos: number | undefined
}

export function chatTokens(tokenizer: Pick<Tokenizer, 'specialTokens' | 'bosId' | 'eosId'>): ChatTokens {
  const ids = Object.entries(names).map(([role, name]) => [role, tokenizer.specialTokens.get(name)])
  return {
    ...(Object.fromEntries(ids) as Record<ChatTokenName, number | undefined>),
    bos: idOrNone(() => tokenizer.bosId),
    eos: idOrNone(() => tokenizer.eosId),
  }
}

/** What an engine must know of a tokenizer to hold its texts to grammars. Every template stops at these tokens. */
export function grammarVocabulary(tokenizer: Tokenizer): VocabularySource {
  const { eos, turnClose } = chatTokens(tokenizer)
  return {
    tokens: Array.from({ length: tokenizer.vocabSize }, (_, id) =>
      tokenizer.isSpecial(id) ? undefined : tokenizer.tokenBytes(id),
    ),
    bpe: { merges: tokenizer.merges, pattern: tokenizer.pattern },
    stopIds: [...new Set([eos, turnClose])].filter((id) => id !== undefined),
  }
}

function idOrNone(read: () => number): number | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
