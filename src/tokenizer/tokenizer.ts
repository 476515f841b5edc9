// A byte-level BPE tokenizer: every byte sequence has an encoding, and decoding gives it back.
//
// Text becomes UTF-8, a pattern cuts it into chunks, and in each chunk the pair of best rank is merged until none is left
// (native/tokenizer/encoder.h). Special tokens never come from text unless the caller asks: a document that
// spells "<eos>" gets the ordinary tokens of these characters.
import { kernels } from '../native/index.ts'
import { concatIds } from '../util/index.ts'
import { nameOfBytes, utf8Decoder, utf8Scratch } from './bytes.ts'
import { readTokenizerFile, writeTokenizerFile } from './file.ts'
import { fromJson, type TokenizerJson, toJson } from './json.ts'
import { type Chunks, chunksOfBytes, chunksOfText, compilePattern, type Pattern } from './pattern.ts'
import { ROLES, specialFinder } from './special.ts'
import { StreamDecoder } from './stream.ts'

/** What makes a tokenizer. */
export interface TokenizerParts {
  /** Bytes of every token by id; a special token's are the UTF-8 of its text. All 256 single bytes are among them. */
  tokens: Uint8Array[]
  /** Merges [M, 3]: left id, right id, id of the result; best first. */
  merges: Int32Array
  /** Text of each special token to its id. */
  specialTokens: Map<string, number>
  /** Split pattern (pattern.ts). */
  pattern: string | RegExp
}

/** Options of encode. */
export interface EncodeOptions {
  /** Read special tokens in the text as such: all (true), none (false, the default), or those in the set. */
  allowSpecial?: boolean | ReadonlySet<string>
}

/** Options of decode. */
export interface DecodeOptions {
  /** Leave special tokens out. Default false: they appear as their text. */
  skipSpecial?: boolean
}

const EMPTY = new Int32Array(0)
const abandoned = new FinalizationRegistry((encoder: number) => kernels.bpeEncoderFree(encoder))

/** Byte-level BPE. Build one with trainTokenizer, Tokenizer.load or Tokenizer.fromJSON. */
export class Tokenizer {
  /** Number of tokens: specials, 256 bytes and merges. */
  readonly vocabSize: number
  /** Text of each special token to its id. */
  readonly specialTokens: ReadonlyMap<string, number>
  /** Source of the split pattern. */
  readonly pattern: string
  /** Merges [M, 3]: left id, right id, result; best first. */
  readonly merges: Int32Array
  readonly #tokens: readonly Uint8Array[]
  readonly #special: Uint8Array
  readonly #split: Pattern
  readonly #finder: RegExp | undefined
  readonly #encoder: number

  constructor(parts: TokenizerParts) {
    this.vocabSize = parts.tokens.length
    this.specialTokens = new Map(parts.specialTokens)
    this.merges = parts.merges
    this.#tokens = parts.tokens
    this.#split = compilePattern('Tokenizer', parts.pattern)
    this.pattern = this.#split.source
    this.#special = new Uint8Array(this.vocabSize)
    for (const id of this.specialTokens.values()) this.#special[id] = 1
    this.#finder = specialFinder(this.specialTokens.keys())
    this.#encoder = kernels.bpeEncoder(this.#byteIds(), this.merges, this.merges.length / 3, this.#split.code ?? 0)
    abandoned.register(this, this.#encoder)
  }

  #byteIds(): Int32Array {
    const ids = new Int32Array(256).fill(-1)
    this.#tokens.forEach((bytes, id) => {
      if (bytes.length === 1 && this.#special[id] === 0) ids[bytes[0]] = id
    })
    const missing = ids.indexOf(-1)
    if (missing >= 0) throw new RangeError(`Tokenizer: every byte must have a token, got none for byte ${missing}`)
    return ids
  }

  /** Token ids of `text`, as UTF-8 (lone surrogates become U+FFFD, as in any UTF-8). Adds no token at either end. */
  encode(text: string, { allowSpecial = false }: EncodeOptions = {}): Int32Array {
    if (allowSpecial === false || this.#finder === undefined) return this.#encodeText(text)
    const parts: Int32Array[] = []
    let from = 0
    for (const match of text.matchAll(this.#finder)) {
      if (allowSpecial !== true && !allowSpecial.has(match[0])) continue
      if (match.index > from) parts.push(this.#encodeText(text.slice(from, match.index)))
      parts.push(Int32Array.of(this.specialTokens.get(match[0]) as number))
      from = match.index + match[0].length
    }
    if (from === 0) return this.#encodeText(text)
    parts.push(this.#encodeText(text.slice(from)))
    return concatIds(parts)
  }

  /** Token ids of any bytes. Same ids as encode for UTF-8. */
  encodeBytes(bytes: Uint8Array): Int32Array {
    if (this.#split.code === undefined) return this.#encodeChunks(chunksOfBytes(this.#split, bytes))
    return this.#take(kernels.bpeEncode(this.#encoder, bytes, bytes.length))
  }

  #encodeText(text: string): Int32Array {
    if (this.#split.code === undefined) return this.#encodeChunks(chunksOfText(this.#split, text))
    return this.encodeBytes(utf8Scratch(text))
  }

  #encodeChunks({ bytes, ends }: Chunks): Int32Array {
    return this.#take(kernels.bpeEncodeChunks(this.#encoder, bytes, ends, ends.length))
  }

  #take(count: number): Int32Array {
    if (count === 0) return EMPTY
    const ids = new Int32Array(count)
    kernels.bpeResult(this.#encoder, ids)
    return ids
  }

  /** Bytes of one token (a special token: its text). @throws RangeError for an unknown id. */
  tokenBytes(id: number): Uint8Array {
    const bytes = this.#tokens[id]
    if (bytes === undefined) {
      throw new RangeError(`Tokenizer.decode: ids must be whole numbers from 0 to ${this.vocabSize - 1}, got ${id}`)
    }
    return bytes
  }

  /** Whether `id` is a special token. */
  isSpecial(id: number): boolean {
    return this.#special[id] === 1
  }

  /** Bytes of a sequence of tokens. Exact inverse of encodeBytes. */
  decodeBytes(ids: ArrayLike<number>, { skipSpecial = false }: DecodeOptions = {}): Uint8Array {
    const parts: Uint8Array[] = []
    for (let i = 0; i < ids.length; i++) {
      const bytes = this.tokenBytes(ids[i])
      if (!(skipSpecial && this.#special[ids[i]] === 1)) parts.push(bytes)
    }
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      for (let i = 0; i < part.length; i++) out[at++] = part[i]
    }
    return out
  }

  /** Text of a sequence of tokens; bytes that are no UTF-8 show as U+FFFD. */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    return utf8Decoder().decode(this.decodeBytes(ids, options))
  }

  /** A decoder for tokens that arrive one by one. */
  streamDecoder(): StreamDecoder {
    return new StreamDecoder((id) => this.tokenBytes(id))
  }

  /** A token as people read it: specials as they are, others in GPT-2's byte alphabet ("Ġthe"). */
  tokenName(id: number): string {
    const bytes = this.tokenBytes(id)
    return this.isSpecial(id) ? utf8Decoder().decode(bytes) : nameOfBytes(bytes)
  }

  #role(role: keyof typeof ROLES): number {
    for (const name of ROLES[role]) {
      const id = this.specialTokens.get(name)
      if (id !== undefined) return id
    }
    throw new RangeError(`Tokenizer.${role}Id: needs a special token ${ROLES[role][0]}, got none`)
  }

  /** Id of the token that ends a document. @throws RangeError if there is none. */
  get eosId(): number {
    return this.#role('eos')
  }

  /** Id of the token that begins a document; without one, eosId. @throws RangeError if there is neither. */
  get bosId(): number {
    return this.#role('bos')
  }

  /** Id that fills unused places; without one, eosId. @throws RangeError if there is neither. */
  get padId(): number {
    return this.#role('pad')
  }

  /** The tokenizer as a Hugging Face tokenizer.json. @throws PolluxError if the pattern cannot be carried. */
  toJSON(): TokenizerJson {
    return toJson({
      tokens: [...this.#tokens],
      merges: this.merges,
      specialTokens: new Map(this.specialTokens),
      pattern: this.pattern,
    })
  }

  /** Writes tokenizer.json: to `path`, or into it if it is a folder. Written aside, then renamed. */
  save(path: string): void {
    writeTokenizerFile(path, this.toJSON())
  }

  /** Reads a tokenizer.json, or the one in folder `path`. @throws PolluxError saying what is wrong with it. */
  static load(path: string): Tokenizer {
    return new Tokenizer(readTokenizerFile(path))
  }

  /** A tokenizer from the content of a tokenizer.json. @throws PolluxError saying what is wrong with it. */
  static fromJSON(json: unknown): Tokenizer {
    return new Tokenizer(fromJson(json))
  }
}
