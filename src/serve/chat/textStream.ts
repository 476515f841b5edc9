// Tokens to text as it may be shown: whole characters, and nothing that may yet turn out to begin a stop string.
import type { ChatLogprob } from '../chat.ts'

export interface TextPiece {
  text: string
  /** Of the tokens that this text ends. */
  logprobs?: ChatLogprob[]
}

export class TextStream {
  readonly #stops: readonly string[]
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #held = ''
  /** Characters told so far. */
  #told = 0
  #waiting: { logprob: ChatLogprob; start: number; end: number }[] = []
  #isStopped = false

  /** @param stops strings that end the text, themselves left out; empty ones are ignored */
  constructor(stops: readonly string[] = []) {
    this.#stops = stops.filter((stop) => stop !== '')
  }

  /** A stop string has come: there is no more text. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Takes in a token. Its piece may be empty. */
  push(bytes: Uint8Array, logprob?: ChatLogprob): TextPiece {
    if (this.#isStopped) return { text: '' }
    const start = this.#told + this.#held.length
    this.#held += this.#decoder.decode(bytes, { stream: true })
    if (logprob) this.#waiting.push({ logprob, start, end: this.#told + this.#held.length })
    const stop = this.#firstStop()
    if (stop >= 0) {
      this.#isStopped = true
      return this.#tell(stop, true)
    }
    return this.#tell(this.#held.length - this.#doubtful(), false)
  }

  /** Text that was held back, since something else than text follows. */
  flush(): TextPiece {
    return this.#isStopped ? { text: '' } : this.#tell(this.#held.length, true)
  }

  /** What is left when no more tokens come; bytes of an unfinished character are dropped. */
  end(): TextPiece {
    return this.#isStopped ? { text: '' } : this.#tell(this.#held.length, true)
  }

  #firstStop(): number {
    const found = this.#stops.map((stop) => this.#held.indexOf(stop)).filter((at) => at >= 0)
    return found.length === 0 ? -1 : Math.min(...found)
  }

  /** Length of the longest end of the text that begins a stop string. */
  #doubtful(): number {
    let longest = 0
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, this.#held.length); length > longest; length--) {
        if (this.#held.endsWith(stop.slice(0, length))) longest = length
      }
    }
    return longest
  }

  #tell(length: number, isLast: boolean): TextPiece {
    const text = this.#held.slice(0, length)
    this.#held = isLast ? '' : this.#held.slice(length)
    this.#told += length
    const isDone = ({ start, end }: { start: number; end: number }): boolean =>
      isLast ? start < this.#told || end <= this.#told : end <= this.#told
    const done = this.#waiting.filter(isDone)
    // a token that ends no character waits for those that do
    if (text === '' && !isLast) return { text }
    this.#waiting = isLast ? [] : this.#waiting.filter((token) => !isDone(token))
    return done.length === 0 ? { text } : { text, logprobs: done.map(({ logprob }) => logprob) }
  }
}
