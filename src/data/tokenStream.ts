// A corpus as one array of token ids.
//
//   <bos> tokens of document 0 <eos> <bos> tokens of document 1 <eos> ...
//
// <bos> opens every document, so that a model always has one token to start from; <eos> closes it, so that
// it learns to stop. Without a <bos> the tokenizer's <eos> opens. A document cut by the split has no <eos>.
// The text is encoded once; it stays in memory as four bytes a token.
import { createHash } from 'node:crypto'
import { dataError } from './errors.ts'
import type { Piece } from './split.ts'
import type { TextTokenizer } from './textTokenizer.ts'

export interface TokenStream {
  tokens: Int32Array
  /** [documents + 1]: where each document starts in `tokens`; the last entry is their number. */
  starts: Int32Array
  /** [vocabSize]: UTF-8 bytes of text that a token stands for; 0 for special tokens. */
  bytesOfToken: Int32Array
  /** Opens documents, and fills rows that no document reaches. */
  bosId: number
  /** Changes when any token does: a saved place belongs to one stream. */
  fingerprint: string
}

/** Tokens that one array can hold and still be indexed with 32-bit numbers. */
const mostTokens = 2 ** 30

/**
 * Encodes pieces of a corpus into one stream.
 *
 * @param onProgress called now and then with the share done, 0 to 1; the event loop runs there
 * @throws PolluxError when the tokenizer has no token that opens a document
 */
export async function tokenStream(
  pieces: Piece[],
  tokenizer: TextTokenizer,
  onProgress?: (done: number) => void,
): Promise<TokenStream> {
  const eosId = tokenizer.eosId ?? null
  const bosId = tokenizer.bosId ?? eosId
  if (bosId === null) throw dataError('a tokenizer must have a bosId or an eosId to mark documents, got neither')
  const writer = new TokenWriter(pieces.reduce((sum, { text }) => sum + text.length, 0) / 3)
  const starts = new Int32Array(pieces.length + 1)
  let lastPause = performance.now()
  for (const [i, { text, whole }] of pieces.entries()) {
    starts[i] = writer.length
    writer.push(bosId)
    writer.append(tokenizer.encode(text))
    if (whole && eosId !== null) writer.push(eosId)
    if (performance.now() - lastPause < 100) continue
    onProgress?.((i + 1) / pieces.length)
    await new Promise((resume) => setImmediate(resume))
    lastPause = performance.now()
  }
  starts[pieces.length] = writer.length
  const tokens = writer.finish()
  return { tokens, starts, bytesOfToken: bytesOfTokens(tokenizer), bosId, fingerprint: fingerprintOf(tokens) }
}

/** A growing array of ids. */
class TokenWriter {
  #ids: Int32Array
  length = 0

  constructor(expected: number) {
    this.#ids = new Int32Array(Math.max(1024, Math.ceil(expected)))
  }

  push(id: number): void {
    this.#reserve(1)
    this.#ids[this.length++] = id
  }

  append(ids: Int32Array | number[]): void {
    this.#reserve(ids.length)
    this.#ids.set(ids, this.length)
    this.length += ids.length
  }

  finish(): Int32Array {
    return this.#ids.slice(0, this.length)
  }

  #reserve(more: number): void {
    const needed = this.length + more
    if (needed <= this.#ids.length) return
    if (needed > mostTokens)
      throw dataError(`a corpus must be at most ${mostTokens} tokens, got more`, 'give less data')
    const larger = new Int32Array(Math.min(mostTokens, Math.max(needed, Math.ceil(this.#ids.length * 1.5))))
    larger.set(this.#ids.subarray(0, this.length))
    this.#ids = larger
  }
}

function bytesOfTokens(tokenizer: TextTokenizer): Int32Array {
  const bytes = new Int32Array(tokenizer.vocabSize)
  for (let id = 0; id < bytes.length; id++) bytes[id] = tokenizer.decodeBytes([id]).length
  const special = [tokenizer.bosId, tokenizer.eosId, ...(tokenizer.specialTokens?.values() ?? [])]
  for (const id of special) if (typeof id === 'number') bytes[id] = 0
  return bytes
}

function fingerprintOf(tokens: Int32Array): string {
  const bytes = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength)
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16)
}
