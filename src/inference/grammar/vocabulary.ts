// The tokens of a model as a tree of bytes, so that tokens with a common beginning are read together.
//
// Nodes lie in the order of a walk (a node, then what is below it), each with the place where its part ends: leaving out what
// a grammar forbids is one jump.
import { PolluxError } from '../../util/index.ts'
import { Terms } from './term.ts'

/** What a grammar must know of a tokenizer. */
export interface VocabularySource {
  /** Bytes of every token by id; undefined (or empty) for a special token and for ids without a token. */
  tokens: readonly (Uint8Array | undefined)[]
  /** Tokens that may end a text. */
  stopIds: readonly number[]
  /** How text becomes tokens (Tokenizer in src/tokenizer), to guess those of text that a grammar forces. Default: not known. */
  bpe?: { merges: Int32Array; pattern: string }
  /** Length of the logits, where ids at the end have no token. Default tokens.length. */
  size?: number
}

export class GrammarVocabulary {
  readonly size: number
  readonly tokens: readonly (Uint8Array | undefined)[]
  readonly stopIds: readonly number[]
  /** Bytes of the longest token. */
  readonly longest: number
  /** Terms of all grammars over this vocabulary, so that they share what was found out about strings and numbers. */
  readonly terms = new Terms()
  /** By node: its byte, its depth, the node after all below it, and its first token in `ids`. Node 0 is the root. */
  readonly byte: Uint8Array
  readonly depth: Uint16Array
  readonly end: Int32Array
  readonly firstId: Int32Array
  /** Ids in the order of nodes. */
  readonly ids: Int32Array

  /** @throws PolluxError for stop ids out of range or tokens of more than 65535 bytes */
  constructor({ tokens, stopIds, size = tokens.length }: VocabularySource) {
    this.size = Math.max(size, tokens.length)
    this.tokens = tokens
    this.stopIds = [...stopIds]
    for (const id of stopIds) {
      if (!(Number.isInteger(id) && id >= 0 && id < this.size)) {
        throw new PolluxError(`grammar: stop ids must be from 0 to ${this.size - 1}, got ${id}`)
      }
    }
    const textOf = (id: number): Uint8Array => tokens[id]!
    const stops = new Set(stopIds)
    const sorted = Array.from(tokens.keys()).filter((id) => (tokens[id]?.length ?? 0) > 0 && !stops.has(id))
    sorted.sort((a, b) => Buffer.compare(textOf(a), textOf(b)) || a - b)
    this.ids = Int32Array.from(sorted)
    this.longest = sorted.reduce((most, id) => Math.max(most, textOf(id).length), 0)
    if (this.longest > 0xffff) throw new PolluxError(`grammar: tokens must be short, got ${this.longest} bytes`)
    const total = 1 + sorted.reduce((sum, id, i) => sum + textOf(id).length - common(tokens, sorted, i), 0)
    this.byte = new Uint8Array(total)
    this.depth = new Uint16Array(total)
    this.end = new Int32Array(total).fill(total)
    this.firstId = new Int32Array(total + 1)
    this.#fill(sorted)
  }

  #fill(sorted: readonly number[]): void {
    const open = [0]
    let node = 1
    const hasToken = new Uint8Array(this.byte.length)
    sorted.forEach((id, i) => {
      const bytes = this.tokens[id]!
      for (const shared = common(this.tokens, sorted, i); open.length > shared + 1;) this.end[open.pop()!] = node
      for (let at = open.length - 1; at < bytes.length; at++) {
        this.byte[node] = bytes[at]
        this.depth[node] = at + 1
        open.push(node++)
      }
      const last = open[open.length - 1]
      if (hasToken[last] === 0) {
        hasToken[last] = 1
        this.firstId[last] = i
      }
    })
    // a node without a token has an empty range: the one before the next node's
    this.firstId[node] = sorted.length
    for (let at = node - 1; at >= 0; at--) if (hasToken[at] === 0) this.firstId[at] = this.firstId[at + 1]
  }
}

/** Bytes that a token shares with the one before it. */
function common(tokens: VocabularySource['tokens'], sorted: readonly number[], i: number): number {
  if (i === 0) return 0
  const [a, b] = [tokens[sorted[i - 1]]!, tokens[sorted[i]]!]
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}
