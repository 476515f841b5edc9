// A tokenizer of bytes that also has the special tokens of media: for tests of documents with pictures and sound.
import { DEFAULT_SPECIAL_TOKENS } from '../tokenizer/index.ts'

/** Ids 0-23 are the special tokens, `codes` more follow, then the 256 bytes. */
export class MediaByteTokenizer {
  readonly vocabSize: number
  readonly bosId = 2
  readonly eosId = 1
  readonly padId = 0
  readonly specialTokens: Map<string, number>
  readonly firstByte: number

  constructor(codes = 0) {
    const names = [...DEFAULT_SPECIAL_TOKENS, ...Array.from({ length: codes }, (_, i) => `<|image_code_${i}|>`)]
    this.specialTokens = new Map(names.map((name, id) => [name, id]))
    this.firstByte = names.length
    this.vocabSize = names.length + 256
  }

  encode(text: string): number[] {
    return [...Buffer.from(text)].map((byte) => this.firstByte + byte)
  }

  decodeBytes(ids: Int32Array | number[]): Uint8Array {
    return Uint8Array.from([...ids].filter((id) => id >= this.firstByte).map((id) => id - this.firstByte))
  }

  decode(ids: number[]): string {
    return Buffer.from(this.decodeBytes(ids)).toString()
  }
}
