// Decodes tokens as they come: characters whose bytes lie in several tokens are held back until they are whole.
import { utf8Decoder } from './bytes.ts'

/** Text of a growing sequence of tokens. The pieces joined are what decode gives for the whole. */
export class StreamDecoder {
  readonly #bytesOf: (id: number) => Uint8Array
  readonly #decoder = utf8Decoder()

  /** @param bytesOf bytes of a token, as Tokenizer.tokenBytes gives them. */
  constructor(bytesOf: (id: number) => Uint8Array) {
    this.#bytesOf = bytesOf
  }

  /** The text that `id` completes; often the empty string inside a character of several bytes. */
  push(id: number): string {
    return this.#decoder.decode(this.#bytesOf(id), { stream: true })
  }

  /** What is held back at the end (U+FFFD for an unfinished character). The decoder can be used again. */
  end(): string {
    return this.#decoder.decode()
  }
}
