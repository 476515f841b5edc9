// What data/ needs of a tokenizer; the one of tokenizer/ and the byte tokenizer of testing/ meet it.

export interface TextTokenizer {
  /** Ids lie in [0, vocabSize). */
  readonly vocabSize: number
  /** Ids of a text; text that reads like a special token is encoded as plain text. */
  encode(text: string): Int32Array | number[]
  /** The bytes that these ids stand for. */
  decodeBytes(ids: Int32Array | number[]): Uint8Array
  /** Opens a document; left out: eosId does. */
  readonly bosId?: number | null
  /** Closes a document; left out: nothing does. */
  readonly eosId?: number | null
  /** Fills what nothing reads; left out: bosId does. */
  readonly padId?: number | null
  /** Special tokens by name: they stand for no bytes of text. */
  readonly specialTokens?: ReadonlyMap<string, number>
}
