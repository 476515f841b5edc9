// A conversation as a prompt.
//
// 'gemma' is the format of Gemma 4, for models that were trained to chat:
//
//   <bos><|turn>system\n[<|think|>\n]...[tools]<turn|>\n<|turn>user\n...<turn|>\n<|turn>model\n
//
// Results of tools stand in the model's turn, right behind its calls. Thoughts of earlier turns are left out; those since the
// user's last words are kept, since the model still works on them.
//
// A base model has read documents, not turns: 'plain' gives it the texts one a line, and it writes on; 'line' ends its answer
// with the line, as models of the generated world learnt it.
import type { ChatPart, ChatRequest, ChatTurn } from '../chat.ts'
import { ServeError } from '../serveError.ts'
import type { MediaReader } from './mediaReader.ts'
import { PromptWriter, type WrittenPrompt } from './promptWriter.ts'
import type { ThoughtSeal } from './thoughtSeal.ts'
import type { ChatTokens } from './tokens.ts'
import { writeCall, writeDeclaration, writeResult } from './toolText.ts'
import type { Tokenizer } from '../../tokenizer/index.ts'

export type TemplateName = 'gemma' | 'plain' | 'line'

export interface TemplateParts {
  name: TemplateName
  tokenizer: Pick<Tokenizer, 'encode'>
  tokens: ChatTokens
  /** None: the model reads no media. */
  media?: MediaReader
  seal: ThoughtSeal
}

/** Writes prompts in one format. */
export class Template {
  readonly #parts: TemplateParts

  constructor(parts: TemplateParts) {
    this.#parts = parts
  }

  get name(): TemplateName {
    return this.#parts.name
  }

  /** Tokens that end an answer. */
  get stopIds(): number[] {
    const { turnClose, resultOpen, eos } = this.#parts.tokens
    const ids = this.name === 'gemma' ? [eos, turnClose, resultOpen] : [eos, turnClose]
    return [...new Set(ids.filter((id) => id !== undefined))]
  }

  /** Texts that end an answer. */
  get stopTexts(): string[] {
    return this.name === 'line' ? ['\n'] : []
  }

  /**
   * The prompt up to where the model goes on. `thinking`: a channel for thoughts is 'open' at its end, or a 'closed' empty one
   * says that none are wanted; default neither.
   */
  async write(request: ChatRequest, thinking?: 'open' | 'closed'): Promise<WrittenPrompt> {
    const { tokenizer, tokens } = this.#parts
    const writer = new PromptWriter(tokenizer)
    if (typeof request.raw === 'object') return writer.tokens(request.raw).finish()
    writer.ids(tokens.bos)
    if (request.raw !== undefined) return writer.text(request.raw).finish()
    await new Rendering(this.#parts, request, writer, thinking).run()
    return writer.finish()
  }

  /** What prompts begin with that hold the same system text, tools and turns, and more turns behind them. */
  async writePrefix(request: ChatRequest): Promise<WrittenPrompt> {
    const { tokenizer, tokens } = this.#parts
    const writer = new PromptWriter(tokenizer)
    writer.ids(tokens.bos)
    await new Rendering(this.#parts, request, writer).run(false)
    return writer.finish()
  }
}

class Rendering {
  readonly #parts: TemplateParts
  readonly #request: ChatRequest
  readonly #writer: PromptWriter
  readonly #thinking: 'open' | 'closed' | undefined
  #open: 'user' | 'model' | undefined

  constructor(parts: TemplateParts, request: ChatRequest, writer: PromptWriter, thinking?: 'open' | 'closed') {
    this.#parts = parts
    this.#request = request
    this.#writer = writer
    this.#thinking = thinking
  }

  get #isGemma(): boolean {
    return this.#parts.name === 'gemma'
  }

  async run(goesOn = true): Promise<void> {
    const turns = joinTurns(this.#request.turns)
    await this.#system()
    const current = lastWords(turns)
    for (const [i, turn] of turns.entries()) await this.#turn(turn, i > current)
    if (goesOn) this.#generation(turns.at(-1))
    else this.#end()
  }

  async #system(): Promise<void> {
    const { system = [], tools = [] } = this.#request
    const { tokens } = this.#parts
    const thinks = this.#isGemma && this.#thinking === 'open'
    if (system.length === 0 && tools.length === 0 && !thinks) return
    if (this.#isGemma) this.#writer.ids(tokens.turnOpen).text('system\n').cut()
    if (thinks) this.#writer.ids(tokens.think).text('\n').cut()
    await this.#content(system)
    for (const tool of tools) writeDeclaration(this.#writer, tokens, tool)
    if (this.#isGemma) this.#writer.ids(tokens.turnClose).text('\n').cut()
    else this.#writer.text('\n').cut()
  }

  async #turn({ role, parts }: ChatTurn, isCurrent: boolean): Promise<void> {
    const results = parts.filter((part) => part.kind === 'result')
    if (role === 'user' && results.length > 0) {
      // results stand in the model's turn
      if (this.#isGemma && this.#open !== 'model') this.#begin('model')
      for (const { name, response } of results) writeResult(this.#writer, this.#parts.tokens, name, response)
    }
    const rest = role === 'user' ? parts.filter((part) => part.kind !== 'result') : parts
    if (rest.length === 0) return
    if (!(role === 'model' && this.#open === 'model')) this.#begin(role)
    if (role === 'model') this.#writer.answer()
    if (role === 'model' && isCurrent) this.#thoughts(rest)
    await this.#content(rest)
  }

  #begin(role: 'user' | 'model'): void {
    this.#end()
    if (this.#isGemma) this.#writer.ids(this.#parts.tokens.turnOpen).text(`${role}\n`).cut()
    this.#open = role
  }

  #end(): void {
    if (this.#open === undefined) return
    if (this.#isGemma) this.#writer.ids(this.#parts.tokens.turnClose).text('\n').cut()
    else this.#writer.text('\n').cut()
    this.#open = undefined
  }

  /** What the model thought in this turn: from the seal that came back, or as the client shows it. */
  #thoughts(parts: readonly ChatPart[]): void {
    const { tokens, seal } = this.#parts
    if (!this.#isGemma || tokens.channelOpen === undefined) return
    const signatures = parts.flatMap((part) => ('signature' in part && part.signature ? [part.signature] : []))
    const sealed = signatures.map((signature) => seal.open(signature)).find((text) => text !== undefined)
    const shown = parts.flatMap((part) => (part.kind === 'thought' ? [part.text] : [])).join('')
    const text = sealed ?? shown
    if (text === '') return
    this.#writer.ids(tokens.channelOpen).text('thought\n').cut().text(text).ids(tokens.channelClose)
  }

  async #content(parts: readonly ChatPart[]): Promise<void> {
    const shown = parts.filter((part) => part.kind !== 'thought')
    for (const [i, part] of shown.entries()) {
      if (part.kind === 'text') {
        let { text } = part
        // the template trims a turn, as its makers do
        if (this.#isGemma && i === 0) text = text.trimStart()
        if (this.#isGemma && i === shown.length - 1) text = text.trimEnd()
        this.#writer.text(text)
      } else if (part.kind === 'media') {
        const { media } = this.#parts
        if (!media) throw new ServeError('invalid', `The model reads text alone, got ${part.mimeType || 'media'}.`)
        this.#writer.media(await media.read(part, this.#request.resolution))
      } else if (part.kind === 'call') {
        writeCall(this.#writer, this.#parts.tokens, part.name, part.args)
      } else if (part.kind === 'result') {
        writeResult(this.#writer, this.#parts.tokens, part.name, part.response)
      }
    }
    // a base model learnt a line's end as part of its last word
    if (this.#isGemma) this.#writer.cut()
  }

  /** Leaves the prompt where the model is to go on: in a turn of its own that is open already, or a new one. */
  #generation(last: ChatTurn | undefined): void {
    const goesOn = this.#open === 'model' && (last?.role === 'model' || this.#isGemma)
    if (!goesOn) this.#begin('model')
    const { tokens } = this.#parts
    if (!this.#isGemma || tokens.channelOpen === undefined || this.#thinking === undefined) return
    if (goesOn && last?.role === 'model') return
    this.#writer.ids(tokens.channelOpen).text('thought\n').cut()
    if (this.#thinking === 'closed') this.#writer.ids(tokens.channelClose)
  }
}

/** Turns of the model that follow each other as one: clients keep a streamed answer in pieces. */
function joinTurns(turns: readonly ChatTurn[]): ChatTurn[] {
  const joined: ChatTurn[] = []
  for (const turn of turns) {
    const last = joined.at(-1)
    if (last?.role === 'model' && turn.role === 'model') last.parts = joinTexts([...last.parts, ...turn.parts])
    else joined.push({ ...turn })
  }
  return joined
}

function joinTexts(parts: readonly ChatPart[]): ChatPart[] {
  const joined: ChatPart[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (part.kind === 'text' && last?.kind === 'text')
      joined[joined.length - 1] = { kind: 'text', text: last.text + part.text }
    else joined.push(part)
  }
  return joined
}

/** Index of the last turn in which a user says something himself, -1 if none. */
function lastWords(turns: readonly ChatTurn[]): number {
  return turns.findLastIndex(({ role, parts }) => role === 'user' && parts.some(({ kind }) => kind !== 'result'))
}
