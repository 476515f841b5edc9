// A tokenizer as GGUF's keys: byte-level BPE is llama.cpp's "gpt2", which knows a list of split patterns by name.
//
// Token texts are in GPT-2's byte alphabet, merges are pairs of them, special tokens are marked as control tokens, so that
// text never turns into them unasked. Patterns: llama.cpp src/llama-vocab.cpp. Of ours the default, two digits a chunk, is
// not among its list: numbers of three digits or more are then cut otherwise there. `patternIsExact` says so.
import { DEFAULT_PATTERN, PATTERNS, type Tokenizer } from '../../tokenizer/index.ts'
import type { ModelConfig } from '../config.ts'
import { GgufError, type GgufValue } from './format.ts'

/** llama.cpp's name of each pattern. dbrx is GPT-4's pattern without the shortcuts that go with "llama-bpe". */
const patternNames = new Map<string, { pre: string; exact: boolean }>([
  [PATTERNS.gpt2, { pre: 'gpt-2', exact: true }],
  [PATTERNS.gpt4Digits1, { pre: 'qwen2', exact: true }],
  [PATTERNS.gpt4Digits2, { pre: 'dbrx', exact: false }],
  [PATTERNS.gpt4Digits3, { pre: 'dbrx', exact: true }],
])

/** Kinds of tokens (llama_token_type). */
const tokenKinds = { normal: 1, control: 3, unused: 5 } as const

/** Whether llama.cpp cuts all text as the tokenizer does. */
export function patternIsExact({ pattern }: Tokenizer): boolean {
  return patternNames.get(pattern)?.exact ?? false
}

/**
 * The keys that tell of the tokenizer.
 *
 * @param chatTemplate Jinja, as Hugging Face folders have it. Default none
 * @throws GgufError when llama.cpp has no pattern for it, or it does not fit the model
 */
export function vocabularyKeys(
  tokenizer: Tokenizer,
  config: ModelConfig,
  chatTemplate?: string,
): Map<string, GgufValue> {
  const { vocabSize, pattern, merges } = tokenizer
  const known = patternNames.get(pattern)
  if (known === undefined) {
    throw new GgufError('tokenizer', `must split by a pattern that llama.cpp knows, got ${pattern}`, {
      hint: `train a tokenizer with its default pattern ${DEFAULT_PATTERN}`,
    })
  }
  if (vocabSize > config.vocab_size) {
    throw new GgufError('tokenizer', `must have at most the model's ${config.vocab_size} tokens, got ${vocabSize}`)
  }
  const names = namesOf(tokenizer)
  const kinds: number[] = names.map((_, id) => (tokenizer.isSpecial(id) ? tokenKinds.control : tokenKinds.normal))
  for (let id = vocabSize; id < config.vocab_size; id++) {
    names.push(`[PAD${id}]`)
    kinds.push(tokenKinds.unused)
  }
  const keys = new Map<string, GgufValue>([
    ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
    ['tokenizer.ggml.pre', { type: 'string', value: known.pre }],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: names }],
    ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', value: kinds }],
    [
      'tokenizer.ggml.merges',
      {
        type: 'array',
        of: 'string',
        value: Array.from(
          { length: merges.length / 3 },
          (_, i) => `${names[merges[3 * i]]} ${names[merges[3 * i + 1]]}`,
        ),
      },
    ],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: true }],
    ['tokenizer.ggml.add_eos_token', { type: 'bool', value: false }],
    ['tokenizer.ggml.add_space_prefix', { type: 'bool', value: false }],
  ])
  for (const [key, id] of roleIds(tokenizer, config)) keys.set(`tokenizer.ggml.${key}`, { type: 'u32', value: id })
  if (chatTemplate !== undefined) keys.set('tokenizer.chat_template', { type: 'string', value: chatTemplate })
  return keys
}

function namesOf(tokenizer: Tokenizer): string[] {
  const seen = new Map<string, number>()
  return Array.from({ length: tokenizer.vocabSize }, (_, id) => {
    const name = tokenizer.tokenName(id)
    const other = seen.get(name)
    if (other !== undefined) {
      throw new GgufError(
        'tokenizer',
        `must give each token another name, got ${JSON.stringify(name)} for ${other} and ${id}`,
      )
    }
    seen.set(name, id)
    return name
  })
}

function roleIds(tokenizer: Tokenizer, config: ModelConfig): [key: string, id: number][] {
  const eos = [config.eos_token_id ?? tokenizer.eosId].flat()
  const roles: [string, number | undefined][] = [
    ['bos_token_id', config.bos_token_id ?? tokenizer.bosId],
    ['eos_token_id', eos[0]],
    ['eot_token_id', tokenizer.specialTokens.get('<turn|>') ?? eos[1]],
    ['padding_token_id', config.pad_token_id ?? tokenizer.specialTokens.get('<pad>')],
    ['mask_token_id', tokenizer.specialTokens.get('<mask>')],
    ['unknown_token_id', tokenizer.specialTokens.get('<unk>')],
  ]
  return roles.filter((role): role is [string, number] => role[1] !== undefined)
}
