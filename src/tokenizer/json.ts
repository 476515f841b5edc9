// The tokenizer as a Hugging Face tokenizer.json, and back, trusting nothing.
//
// Written form: BPE model, Split (Regex, Isolated) + ByteLevel pre-tokenizer, ByteLevel decoder; special tokens stand in the
// vocabulary as well as in added_tokens, so that every reader gives them the ids meant. Read form: the same,
// and other byte-level files whose meaning we can keep to the letter. All else is refused by name.
import { PolluxError } from '../util/index.ts'
import { bytesOfName, nameOfBytes, utf8 } from './bytes.ts'
import { checkPortable, PATTERNS } from './pattern.ts'
import { checkSpecialTokens } from './special.ts'
import type { TokenizerParts } from './tokenizer.ts'

/** A special token of tokenizer.json. */
interface AddedToken {
  id: number
  content: string
  single_word: boolean
  lstrip: boolean
  rstrip: boolean
  normalized: boolean
  special: boolean
}

/** What we write. */
export interface TokenizerJson {
  version: '1.0'
  truncation: null
  padding: null
  added_tokens: AddedToken[]
  normalizer: null
  pre_tokenizer: object
  post_processor: null
  decoder: object
  model: { type: 'BPE'; vocab: Record<string, number>; merges: [string, string][]; [option: string]: unknown }
}

const MAX_TOKENS = 1 << 22
const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }

/** The content of tokenizer.json. @throws PolluxError if the pattern means something else to other readers. */
export function toJson({ tokens, merges, specialTokens, pattern }: TokenizerParts): TokenizerJson {
  const source = typeof pattern === 'string' ? pattern : pattern.source
  checkPortable('Tokenizer.toJSON', source)
  const names = tokens.map(nameOfBytes)
  for (const [content, id] of specialTokens) names[id] = content
  // No prototype: a token may be called __proto__.
  const vocab: Record<string, number> = Object.create(null)
  names.forEach((name, id) => {
    vocab[name] = id
  })
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [...specialTokens].sort((a, b) => a[1] - b[1]).map(([content, id]) => ({ id, content, ...flags })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [{ type: 'Split', pattern: { Regex: source }, behavior: 'Isolated', invert: false }, BYTE_LEVEL],
    },
    post_processor: null,
    decoder: { ...BYTE_LEVEL },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: Array.from({ length: merges.length / 3 }, (_, i) => [names[merges[3 * i]], names[merges[3 * i + 1]]]),
    },
  }
}

/** The error of a file that cannot be taken. */
export function fault(what: string): PolluxError {
  return new PolluxError(`Tokenizer.load: the file ${what}`)
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fault(`must have an object in ${name}, got ${show(value)}`)
  }
  return value as Record<string, unknown>
}

function list(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw fault(`must have a list in ${name}, got ${show(value)}`)
  return value
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}

/** Checks that `object` holds, under each key, one of the values we can act on (undefined: the key is absent). */
function expectValues(object: Record<string, unknown>, name: string, expected: Record<string, unknown[]>): void {
  for (const [key, values] of Object.entries(expected)) {
    if (values.includes(object[key])) continue
    const wanted = values.map((value) => (value === undefined ? 'none' : JSON.stringify(value))).join(' or ')
    throw fault(`needs what this tokenizer does not do: ${name}.${key} must be ${wanted}, got ${show(object[key])}`)
  }
}

/** Parts of a tokenizer from the content of tokenizer.json. @throws PolluxError naming what is corrupt or foreign. */
export function fromJson(json: unknown): TokenizerParts {
  const root = record(json, 'the root')
  expectValues(root, 'root', { normalizer: [null, undefined] })
  const pattern = readPattern(root.pre_tokenizer)
  const decoder = record(root.decoder, 'decoder')
  expectValues(decoder, 'decoder', { type: ['ByteLevel'] })
  if (root.post_processor !== null && root.post_processor !== undefined) {
    expectValues(record(root.post_processor, 'post_processor'), 'post_processor', { type: ['ByteLevel'] })
  }
  const model = record(root.model, 'model')
  expectValues(model, 'model', {
    type: ['BPE'],
    dropout: [null, undefined, 0],
    continuing_subword_prefix: [null, undefined, ''],
    end_of_word_suffix: [null, undefined, ''],
    byte_fallback: [false, undefined],
    ignore_merges: [false, undefined],
  })
  const specialTokens = readSpecials(root.added_tokens ?? [])
  const names = readNames(record(model.vocab, 'model.vocab'), specialTokens)
  const { tokens, ids } = readTokens(names, specialTokens)
  const merges = readMerges(list(model.merges, 'model.merges'), ids, tokens, specialTokens.size)
  return { tokens, merges, specialTokens, pattern }
}

// Spellings of known patterns in Oniguruma's dialect; its \s is \p{White_Space}.
const KNOWN = new Map([
  [
    String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    PATTERNS.gpt4Digits3,
  ],
])

function readPattern(value: unknown): string {
  const pre = record(value, 'pre_tokenizer')
  if (pre.type === 'ByteLevel') {
    expectValues(pre, 'pre_tokenizer', { add_prefix_space: [false], use_regex: [true, undefined] })
    return PATTERNS.gpt2
  }
  expectValues(pre, 'pre_tokenizer', { type: ['Sequence', 'ByteLevel'] })
  const steps = list(pre.pretokenizers, 'pre_tokenizer.pretokenizers')
  if (steps.length !== 2) throw fault(`must have 2 steps in pre_tokenizer (Split, ByteLevel), got ${steps.length}`)
  const [split, bytes] = steps.map((step, i) => record(step, `pre_tokenizer.pretokenizers[${i}]`))
  expectValues(split, 'Split', { type: ['Split'], behavior: ['Isolated'], invert: [false, undefined] })
  expectValues(bytes, 'ByteLevel', { type: ['ByteLevel'], add_prefix_space: [false], use_regex: [false] })
  const source = record(split.pattern, 'Split.pattern').Regex
  if (typeof source !== 'string')
    throw fault(`must have a regular expression in Split.pattern.Regex, got ${show(source)}`)
  const known = KNOWN.get(source)
  if (known !== undefined) return known
  const portable = source.replace(/\\(?:([sS])|(.))/gsu, (whole, space?: string) =>
    space === undefined ? whole : `\\${space === 's' ? 'p' : 'P'}{White_Space}`,
  )
  checkPortable('Tokenizer.load', portable)
  return portable
}

function readSpecials(value: unknown): Map<string, number> {
  const specials = new Map<string, number>()
  const entries = list(value, 'added_tokens').map((entry, i) => record(entry, `added_tokens[${i}]`))
  checkSpecialTokens(
    'Tokenizer.load',
    entries.map((entry) => entry.content as string),
  )
  for (const entry of entries) {
    const off = [false, undefined]
    const name = `added_tokens ${show(entry.content)}`
    expectValues(entry, name, { special: [true], single_word: off, lstrip: off, rstrip: off })
    specials.set(entry.content as string, entry.id as number)
  }
  return specials
}

/** Names by id: every id from 0 on exactly once. */
function readNames(vocab: Record<string, unknown>, specials: Map<string, number>): string[] {
  const entries = Object.entries(vocab)
  for (const [content, id] of specials) {
    if (!Object.hasOwn(vocab, content)) entries.push([content, id])
    else if (vocab[content] !== id)
      throw fault(`gives ${show(content)} two ids, ${show(vocab[content])} and ${show(id)}`)
  }
  if (entries.length > MAX_TOKENS) throw fault(`has ${entries.length} tokens; at most ${MAX_TOKENS} are read`)
  const names = new Array<string | undefined>(entries.length).fill(undefined)
  for (const [name, id] of entries) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= entries.length) {
      throw fault(
        `must have ids from 0 to ${entries.length - 1} for its ${entries.length} tokens, got ${show(id)} for ${show(name)}`,
      )
    }
    if (names[id] !== undefined) throw fault(`gives id ${id} twice, to ${show(names[id])} and ${show(name)}`)
    names[id] = name
  }
  return names as string[]
}

function readTokens(names: string[], specials: Map<string, number>) {
  const ids = new Map<string, number>()
  const tokens = names.map((name, id) => {
    if (specials.has(name)) return utf8(name)
    ids.set(name, id)
    const bytes = bytesOfName(name)
    if (bytes === undefined || bytes.length === 0) {
      throw fault(`must spell tokens in the byte-level alphabet, got ${show(name)} (id ${id})`)
    }
    return bytes
  })
  for (let byte = 0; byte < 256; byte++) {
    const name = nameOfBytes(Uint8Array.of(byte))
    if (!ids.has(name)) throw fault(`must have a token for every byte, got none for byte ${byte} (${show(name)})`)
  }
  return { tokens, ids }
}

function readMerges(
  entries: unknown[],
  ids: Map<string, number>,
  tokens: Uint8Array[],
  numSpecials: number,
): Int32Array {
  const merges = new Int32Array(entries.length * 3)
  const made = new Uint8Array(tokens.length)
  entries.forEach((entry, i) => {
    const pair = typeof entry === 'string' ? entry.split(' ') : entry
    if (!Array.isArray(pair) || pair.length !== 2 || pair.some((part) => typeof part !== 'string')) {
      throw fault(`must have two tokens in merge ${i}, got ${show(entry)}`)
    }
    const [left, right, result] = [pair[0], pair[1], pair[0] + pair[1]].map((name: string) => {
      const id = ids.get(name)
      if (id === undefined)
        throw fault(`has a merge of tokens it lacks: merge ${i}, ${show(entry)}, needs ${show(name)}`)
      return id
    })
    if (made[result] === 1) throw fault(`makes a token twice: merge ${i}, ${show(entry)}`)
    made[result] = 1
    merges.set([left, right, result], 3 * i)
  })
  const expected = tokens.length - numSpecials - 256
  if (entries.length !== expected) {
    throw fault(
      `must have one merge for each of its ${expected} tokens beyond bytes and specials, got ${entries.length}`,
    )
  }
  return merges
}
