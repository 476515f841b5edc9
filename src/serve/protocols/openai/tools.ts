// Tools that the model may call and which of them it must, and what its answer must look like. Chat Completions nests a tool
// under "function" and a schema under "json_schema"; Responses writes the same fields one level up.
import type { ChatFormat, ChatRequest, ChatTool } from '../../chat.ts'
import { unsupported } from './errors.ts'
import { type Fields, invalidValue, wrongType } from './fields.ts'

const maxTools = 256

export interface ReadTools {
  tools?: ChatTool[]
  toolChoice?: ChatRequest['toolChoice']
  /** The model may draw. */
  draws?: boolean
}

/** @param nested a function's fields stand under "function" */
export function readTools(body: Fields, nested: boolean): ReadTools {
  const listed = body.objects('tools', maxTools) ?? []
  const drawing = listed.filter((tool) => tool.get('type') === 'image_generation')
  const tools = listed.filter((tool) => !drawing.includes(tool)).map((tool) => readTool(tool, nested))
  const names = tools.map(({ name }) => name)
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i)
  if (twice >= 0) throw invalidValue(body.at('tools'), `names must differ, got '${names[twice]}' twice.`)
  const toolChoice = readChoice(body, names, nested)
  const parallel = body.boolean('parallel_tool_calls')
  return {
    ...(tools.length > 0 && { tools }),
    ...(tools.length > 0 &&
      (toolChoice ?? parallel) !== undefined && {
        toolChoice: { mode: 'auto', ...toolChoice, ...(parallel !== undefined && { parallel }) },
      }),
    ...(drawing.length > 0 && { draws: true }),
  }
}

function readTool(tool: Fields, nested: boolean): ChatTool {
  const type = tool.required('type', tool.string('type'))
  if (type !== 'function') {
    throw unsupported(
      tool.at('type'),
      `Tools of type ${JSON.stringify(type.slice(0, 60))} are not served, only functions.`,
    )
  }
  const fields = nested ? tool.required('function', tool.object('function')) : tool
  const name = fields.required('name', fields.string('name'))
  if (!/^[A-Za-z0-9_.:-]{1,128}$/.test(name)) {
    throw invalidValue(
      fields.at('name'),
      `expected 1 to 128 of a-z, A-Z, 0-9, _, -, . and :, got ${JSON.stringify(name.slice(0, 140))}.`,
    )
  }
  const [description, parameters, strict] = [
    fields.string('description'),
    fields.object('parameters'),
    fields.boolean('strict'),
  ]
  return {
    name,
    ...(description !== undefined && { description }),
    ...(parameters && { parameters: parameters.value }),
    ...(strict !== undefined && { strict }),
  }
}

type Choice = NonNullable<ChatRequest['toolChoice']>

function readChoice(body: Fields, names: readonly string[], nested: boolean): Choice | undefined {
  const value = body.get('tool_choice')
  if (value === undefined) return undefined
  if (typeof value === 'string') {
    const word = body.oneOf('tool_choice', ['none', 'auto', 'required'])!
    if (word === 'required' && names.length === 0) throw noTools(body)
    return { mode: word === 'required' ? 'any' : word }
  }
  if (typeof value !== 'object') throw wrongType(body.at('tool_choice'), 'a string or an object', value)
  const choice = body.object('tool_choice')!
  const type = choice.required('type', choice.oneOf('type', ['function', 'allowed_tools']))
  if (names.length === 0) throw noTools(body)
  // a function that is named is called once, unless several calls are asked for
  if (type === 'function') return { mode: 'any', allowed: [readName(choice, names, nested)], parallel: false }
  const allowed = nested ? choice.required('allowed_tools', choice.object('allowed_tools')) : choice
  const mode = allowed.oneOf('mode', ['auto', 'required']) ?? 'auto'
  const list = allowed.required('tools', allowed.objects('tools', maxTools))
  if (list.length === 0) throw invalidValue(allowed.at('tools'), 'expected at least one tool.')
  return { mode: mode === 'required' ? 'any' : 'auto', allowed: list.map((tool) => readName(tool, names, nested)) }
}

function readName(holder: Fields, names: readonly string[], nested: boolean): string {
  const fields = nested ? holder.required('function', holder.object('function')) : holder
  const name = fields.required('name', fields.string('name'))
  if (!names.includes(name)) throw invalidValue(fields.at('name'), `'${name.slice(0, 128)}' is not among 'tools'.`)
  return name
}

function noTools(body: Fields): Error {
  return invalidValue(body.at('tool_choice'), "'tool_choice' is only allowed when 'tools' are specified.")
}

/** What the answer must look like. @param nested a schema's fields stand under "json_schema" */
export function readFormat(format: Fields | undefined, nested: boolean): ChatFormat | undefined {
  if (!format) return undefined
  const type = format.required('type', format.oneOf('type', ['text', 'json_object', 'json_schema']))
  if (type === 'text') return undefined
  if (type === 'json_object') return { kind: 'json' }
  const fields = nested ? format.required('json_schema', format.object('json_schema')) : format
  fields.string('name', { max: 64 })
  fields.boolean('strict')
  const schema = fields.object('schema')
  return { kind: 'json', ...(schema && { schema: schema.value }) }
}

/** vLLM's structured_outputs: a schema, a pattern or a choice of texts. */
export function readStructured(body: Fields): ChatFormat | undefined {
  const wanted = body.object('structured_outputs')
  if (!wanted) return undefined
  const [schema, pattern, choice] = [
    wanted.object('json'),
    wanted.string('regex', { max: 10_000 }),
    wanted.strings('choice', 1024),
  ]
  if (schema) return { kind: 'json', schema: schema.value }
  if (pattern !== undefined) return { kind: 'regex', pattern }
  if (choice && choice.length > 0) return { kind: 'enum', values: choice }
  throw invalidValue(wanted.path, 'expected json, regex or choice.')
}
