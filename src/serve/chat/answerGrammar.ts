// What the grammar of an answer is: its format, and the calls it may make.
import type { GrammarSpec } from '../../inference/index.ts'
import { isRecord } from '../../util/index.ts'
import type { ChatFormat, ChatRequest, ChatTool } from '../chat.ts'
import { ServeError } from '../serveError.ts'
import type { ChatTokens } from './tokens.ts'

/** The grammar of a request's answer; undefined for free text. */
export function answerGrammar(request: ChatRequest, tokens: ChatTokens): GrammarSpec | undefined {
  const format = formatGrammar(request.format)
  const tools = callableTools(request)
  const { mode = 'auto' } = request.toolChoice ?? {}
  if (tools.length === 0) {
    if (mode === 'any') throw new ServeError('invalid', 'A call is wanted, but there is no tool to call.')
    return format
  }
  const { callOpen, callClose } = tokens
  if (callOpen === undefined || callClose === undefined) {
    throw new ServeError('invalid', 'The model has no tokens for calls of tools.')
  }
  const ids = (...list: number[]) => ({ kind: 'ids' as const, ids: list })
  const call: GrammarSpec = { kind: 'sequence', parts: [anyCall(tools), ids(callClose)] }
  const opened: GrammarSpec = { kind: 'sequence', parts: [ids(callOpen), call] }
  const isOne = request.toolChoice?.parallel === false
  // behind a call come other calls, until the model ends its turn or waits for what they give
  const calls: GrammarSpec = isOne
    ? call
    : { kind: 'sequence', parts: [call, { kind: 'repeat', of: opened, min: 0 }, atMostOnce(tokens.resultOpen)] }
  if (mode === 'auto' && !format) return { kind: 'triggered', triggers: [{ id: callOpen, then: calls }] }
  const forced: GrammarSpec = { kind: 'sequence', parts: [ids(callOpen), calls] }
  return mode === 'any' || !format ? forced : { kind: 'either', options: [format, forced] }
}

function atMostOnce(id: number | undefined): GrammarSpec {
  const nothing: GrammarSpec = { kind: 'sequence', parts: [] }
  if (id === undefined) return nothing
  return { kind: 'either', options: [nothing, { kind: 'sequence', parts: [{ kind: 'ids', ids: [id] }] }] }
}

/** The tools that an answer may call. */
export function callableTools({ tools = [], toolChoice }: ChatRequest): ChatTool[] {
  if (toolChoice?.mode === 'none') return []
  const { allowed } = toolChoice ?? {}
  return allowed && allowed.length > 0 ? tools.filter(({ name }) => allowed.includes(name)) : tools
}

function anyCall(tools: readonly ChatTool[]): GrammarSpec {
  const options = tools.map(({ name, parameters }): GrammarSpec => ({
    kind: 'sequence',
    parts: [
      { kind: 'enum', values: [`call:${name}`] },
      { kind: 'json', schema: argumentsSchema(parameters) },
    ],
  }))
  return options.length === 1 ? options[0] : { kind: 'either', options }
}

/** Arguments are an object, whatever a tool says of them. */
function argumentsSchema(parameters: unknown): Record<string, unknown> {
  if (!isRecord(parameters) || Object.keys(parameters).length === 0) return { type: 'object', properties: {} }
  return 'type' in parameters || '$ref' in parameters || 'anyOf' in parameters
    ? parameters
    : { type: 'object', ...parameters }
}

function formatGrammar(format: ChatFormat = { kind: 'text' }): GrammarSpec | undefined {
  if (format.kind === 'text') return undefined
  if (format.kind === 'json') return { kind: 'json', schema: format.schema ?? { type: 'object' } }
  if (format.kind === 'enum') return { kind: 'enum', values: format.values }
  return { kind: 'regex', pattern: format.pattern }
}
