// From the tokens of an answer to its events: text, thoughts in their channel, calls in theirs.
//
// Structure is read from special tokens alone, never from text that looks like it, so nothing that a prompt smuggles into
// an answer can become a call.
import type { TokenLogprob } from '../../inference/index.ts'
import type { Tokenizer } from '../../tokenizer/index.ts'
import type { ChatEvent, ChatLogprob } from '../chat.ts'
import { randomId } from '../fileStore.ts'
import { TextStream } from './textStream.ts'
import type { ChatTokens } from './tokens.ts'
import { quoteMark, readCall } from './toolText.ts'

export interface AnswerReaderOptions {
  tokenizer: Pick<Tokenizer, 'tokenBytes' | 'isSpecial'>
  tokens: ChatTokens
  stops: readonly string[]
  /** Calls may be made. */
  calls: boolean
}

type Piece = Extract<ChatEvent, { type: 'text' | 'thought' | 'callDelta' | 'call' }>

export class AnswerReader {
  readonly #options: AnswerReaderOptions
  readonly #text: TextStream
  #channel: { head: string | undefined; text: TextStream } | undefined
  #call: CallReader | undefined
  /** Tokens of thoughts among those read. */
  thoughtTokens = 0
  /** Whole thoughts, for their seal. */
  thoughts = ''
  calls = 0
  /** A call was no call. */
  isMalformed = false

  constructor(options: AnswerReaderOptions) {
    this.#options = options
    this.#text = new TextStream(options.stops)
  }

  /** A stop string has come. */
  get isStopped(): boolean {
    return this.#text.isStopped
  }

  /** A call has begun and not ended. */
  get isInCall(): boolean {
    return this.#call !== undefined
  }

  /** Events that a token brings; often none. */
  push(id: number, logprob?: ChatLogprob): Piece[] {
    const { tokenizer, tokens, calls } = this.#options
    if (this.#channel) return this.#inChannel(id)
    if (this.#call) return this.#inCall(id)
    if (id === tokens.channelOpen) {
      this.thoughtTokens++
      this.#channel = { head: '', text: new TextStream() }
      return []
    }
    if (id === tokens.callOpen && calls) {
      this.#call = new CallReader()
      // what is written so far is whole
      return textPiece(this.#text.flush())
    }
    if (tokenizer.isSpecial(id)) return []
    return textPiece(this.#text.push(tokenizer.tokenBytes(id), logprob))
  }

  #inChannel(id: number): Piece[] {
    const { tokenizer, tokens } = this.#options
    const channel = this.#channel!
    this.thoughtTokens++
    if (id === tokens.channelClose) {
      this.#channel = undefined
      return this.#thought(channel.text.end().text)
    }
    if (tokenizer.isSpecial(id)) return []
    const { text } = channel.text.push(tokenizer.tokenBytes(id))
    if (channel.head === undefined) return this.#thought(text)
    // the channel's name is the text of its first line
    channel.head += text
    const end = channel.head.indexOf('\n')
    if (end < 0) return []
    const rest = channel.head.slice(end + 1)
    channel.head = undefined
    return this.#thought(rest)
  }

  #thought(text: string): Piece[] {
    this.thoughts += text
    return text === '' ? [] : [{ type: 'thought', text }]
  }

  #inCall(id: number): Piece[] {
    const { tokenizer, tokens } = this.#options
    const call = this.#call!
    if (id === tokens.callClose) {
      this.#call = undefined
      const pieces = call.end()
      if (pieces === undefined) this.isMalformed = true
      else this.calls++
      return pieces ?? []
    }
    if (id === tokens.quote) return call.push(Buffer.from(quoteMark))
    return tokenizer.isSpecial(id) ? [] : call.push(tokenizer.tokenBytes(id))
  }

  /** What is left at the end. */
  end(): Piece[] {
    if (this.#channel) return this.#thought(this.#channel.text.end().text)
    return textPiece(this.#text.end())
  }
}

function textPiece({ text, logprobs }: { text: string; logprobs?: ChatLogprob[] }): Piece[] {
  return text === '' && !logprobs ? [] : [{ type: 'text', text, ...(logprobs ? { logprobs } : {}) }]
}

/** A call on its way. Arguments in JSON are told as they come. */
class CallReader {
  readonly #id = randomId()
  readonly #stream = new TextStream()
  #text = ''
  /** Place up to which arguments were told; undefined while it is not known that they are JSON. */
  #told: number | undefined

  push(bytes: Uint8Array): Piece[] {
    this.#text += this.#stream.push(bytes).text
    const [head, name] = /^\s*call:\s*([\w.:/-]+?)\s*(?=\{\s*["}])/.exec(this.#text) ?? []
    if (head === undefined) return []
    const from = this.#told ?? head.length
    this.#told = this.#text.length
    const text = this.#text.slice(from)
    return text === '' ? [] : [{ type: 'callDelta', id: this.#id, name, text }]
  }

  /** The whole call; undefined if it is none. */
  end(): Piece[] | undefined {
    const call = readCall(this.#text)
    if (!call) return undefined
    const { name, args } = call
    const whole: Piece = { type: 'call', id: this.#id, name, args }
    if (this.#told !== undefined) return [whole]
    return [{ type: 'callDelta', id: this.#id, name, text: JSON.stringify(args) }, whole]
  }
}

/** A token's log-probability with its text. */
export function chatLogprob(
  tokenizer: Pick<Tokenizer, 'tokenBytes'>,
  { id, logprob, top = [] }: TokenLogprob & { top?: readonly TokenLogprob[] },
): ChatLogprob {
  const named = (token: TokenLogprob) => {
    const bytes = tokenizer.tokenBytes(token.id)
    return { token: Buffer.from(bytes).toString(), bytes: [...bytes], id: token.id, logprob: token.logprob }
  }
  return { ...named({ id, logprob }), top: top.map(named) }
}
