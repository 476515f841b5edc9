// Tools as text and back: declarations, results and calls, in the format of Gemma 4.
//
//   <|tool>declaration:NAME{description:<|"|>...<|"|>,parameters:{...}}<tool|>
//   <|tool_call>call:NAME{"a":1}<tool_call|><|tool_response>response:NAME{key:VALUE,...}<tool_response|>
//
// Gemma quotes strings with a token of their own, which no text can forge. Arguments of calls are JSON here, since that is what
// the grammar lets a model write; Gemma's own spelling is read as well.
import { isRecord } from '../../util/index.ts'
import type { ChatTool } from '../chat.ts'
import type { PromptWriter } from './promptWriter.ts'
import type { ChatTokens } from './tokens.ts'

/** Deepest nesting that is written or read. */
const deepest = 64

/** Writes what a model is told of a tool. */
export function writeDeclaration(writer: PromptWriter, tokens: ChatTokens, tool: ChatTool): void {
  writer.ids(tokens.toolOpen).text(`declaration:${tool.name}`)
  const { description, parameters } = tool
  writeValue(writer, tokens, {
    ...(description === undefined ? {} : { description }),
    ...(isRecord(parameters) ? { parameters: upperTypes(parameters) } : {}),
  })
  writer.ids(tokens.toolClose)
}

/** Writes a call that the model made. */
export function writeCall(writer: PromptWriter, tokens: ChatTokens, name: string, args: Record<string, unknown>): void {
  writer.ids(tokens.callOpen).text(callText(name, args)).ids(tokens.callClose)
}

/** The text between the tokens of a call. */
export function callText(name: string, args: Record<string, unknown>): string {
  return `call:${name}${JSON.stringify(args)}`
}

/** Writes what a tool gave. */
export function writeResult(writer: PromptWriter, tokens: ChatTokens, name: string, response: unknown): void {
  writer.ids(tokens.resultOpen).text(`response:${name}`)
  writeValue(writer, tokens, isRecord(response) ? response : { value: response })
  writer.ids(tokens.resultClose)
}

/** Gemma's spelling of a value: keys sorted and bare, strings between quote tokens (in JSON's quotes without one). */
function writeValue(writer: PromptWriter, tokens: ChatTokens, value: unknown, depth = 0): void {
  if (typeof value === 'string') {
    if (tokens.quote === undefined) writer.text(JSON.stringify(value))
    else writer.ids(tokens.quote).text(value).ids(tokens.quote)
  } else if (depth > deepest || typeof value !== 'object' || value === null) {
    writer.text(depth > deepest ? 'null' : (JSON.stringify(value) ?? 'null'))
  } else if (Array.isArray(value)) {
    writer.text('[')
    value.forEach((item, i) => {
      if (i > 0) writer.text(',')
      writeValue(writer, tokens, item, depth + 1)
    })
    writer.text(']')
  } else {
    writer.text('{')
    const keys = Object.keys(value).sort()
    keys.forEach((key, i) => {
      writer.text(`${i > 0 ? ',' : ''}${key}:`)
      writeValue(writer, tokens, (value as Record<string, unknown>)[key], depth + 1)
    })
    writer.text('}')
  }
}

/** A JSON Schema with the names of its types in capitals, as Gemma was trained. */
function upperTypes(schema: unknown, depth = 0): unknown {
  if (depth > deepest) return null
  if (Array.isArray(schema)) return schema.map((item) => upperTypes(item, depth + 1))
  if (!isRecord(schema)) return schema
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === 'type' && typeof value === 'string' ? value.toUpperCase() : upperTypes(value, depth + 1),
    ]),
  )
}

/** What stands for the quote token in the text of a call. */
export const quoteMark = '<|"|>'

/** Reads the text between the tokens of a call; undefined when it is none. */
export function readCall(text: string): { name: string; args: Record<string, unknown> } | undefined {
  const [, name, rest] = /^\s*call:\s*([\w.:/-]+?)\s*(\{.*\})\s*$/s.exec(text) ?? []
  if (name === undefined) return undefined
  const args = readJson(rest) ?? new NativeReader(rest).readWhole()
  return isRecord(args) ? { name, args } : undefined
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Reads Gemma's spelling of a value. */
class NativeReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** The value when the text is one and nothing more; undefined otherwise. */
  readWhole(): unknown {
    try {
      const value = this.#value(0)
      return this.#at === this.#text.length ? value : undefined
    } catch (error) {
      if (error instanceof SyntaxError) return undefined
      throw error
    }
  }

  #value(depth: number): unknown {
    if (depth > deepest) throw new SyntaxError('too deep')
    if (this.#take(quoteMark)) return this.#string()
    if (this.#take('{')) return this.#object(depth)
    if (this.#take('[')) return this.#list(depth)
    const [word] = /^[^,\]}]+/.exec(this.#text.slice(this.#at)) ?? []
    if (word === undefined) throw new SyntaxError('a value must be there')
    this.#at += word.length
    return JSON.parse(word.trim())
  }

  #string(): string {
    const end = this.#text.indexOf(quoteMark, this.#at)
    if (end < 0) throw new SyntaxError('a string must end')
    const text = this.#text.slice(this.#at, end)
    this.#at = end + quoteMark.length
    return text
  }

  #object(depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = []
    if (this.#take('}')) return {}
    do {
      const [whole, key] = /^\s*"?([^:"{}]+?)"?\s*:/.exec(this.#text.slice(this.#at)) ?? []
      if (whole === undefined) throw new SyntaxError('a key must be there')
      this.#at += whole.length
      entries.push([key, this.#value(depth + 1)])
    } while (this.#take(','))
    if (!this.#take('}')) throw new SyntaxError('an object must end')
    return Object.fromEntries(entries)
  }

  #list(depth: number): unknown[] {
    const items: unknown[] = []
    if (this.#take(']')) return items
    do items.push(this.#value(depth + 1))
    while (this.#take(','))
    if (!this.#take(']')) throw new SyntaxError('a list must end')
    return items
  }

  #take(mark: string): boolean {
    if (!this.#text.startsWith(mark, this.#at)) return false
    this.#at += mark.length
    return true
  }
}
