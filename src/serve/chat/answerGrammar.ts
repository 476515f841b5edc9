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
  const call: GrammarSpec = { kind: 'sequence', parts: [anyCall(tools), { kind: 'ids', ids: [callClose] }] }
  const forced: GrammarSpec = { kind: 'sequence', parts: [{ kind: 'ids', ids: [callOpen] }, call] }
  if (mode === 'any') return forced
  if (format) return { kind: 'either', options: [format, forced] }
  return { kind: 'triggered', triggers: [{ id: callOpen, then: call }] }
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
