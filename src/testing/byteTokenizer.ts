// A tokenizer whose tokens are bytes: for tests and benches that need one and do not care which.

/** Ids 0 to 255 are bytes, 256 opens a document, 257 closes it. */
export class ByteTokenizer {
  readonly vocabSize = 258
  readonly bosId = 256
  readonly eosId = 257
  readonly specialTokens: ReadonlyMap<string, number> = new Map([
    ['<bos>', 256],
    ['<eos>', 257],
  ])

  /** UTF-8 bytes of the text; nothing in it is read as a special token. */
  encode(text: string): Int32Array {
    return Int32Array.from(Buffer.from(text, 'utf8'))
  }

  /** Special tokens stand for no bytes. */
  decodeBytes(ids: Int32Array | number[]): Uint8Array {
    return Uint8Array.from(Array.from(ids).filter((id) => id < 256))
  }

  decode(ids: Int32Array | number[]): string {
    return Buffer.from(this.decodeBytes(ids)).toString('utf8')
  }
}
