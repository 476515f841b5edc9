// A GenerateContentRequest as a ChatRequest.
import type { ChatFormat, ChatRequest, ChatTool } from '../../chat.ts'
import { invalid, ServeError } from '../../serveError.ts'
import { Fields } from './fields.ts'
import { checkTurns, type FileAccess, instructionOf, resolutionOf, turnsOf } from './parts.ts'
import { jsonSchemaOf } from './schema.ts'

/** A request, and what of it is not a matter of one answer. */
export interface GeminiRequest {
  chat: ChatRequest
  /** Answers wanted. */
  candidates: number
  /** Name of a cached content. */
  cached?: string
  /** Tools of Google's servers, which there are none of here. */
  ignored: string[]
}

/** Tokens of thought by level. */
const levelBudgets = { MINIMAL: 0, LOW: 512, MEDIUM: 2048, HIGH: 8192 } as const

/** @throws ServeError naming the field at fault */
export async function readRequest(
  body: Record<string, unknown>,
  model: string,
  access: FileAccess,
  path = '',
): Promise<GeminiRequest> {
  const fields = new Fields(body, path)
  const turns = await turnsOf(fields, access)
  const config = fields.message('generationConfig') ?? new Fields({}, fields.at('generationConfig'))
  const system = await instructionOf(fields.get('systemInstruction'), fields.at('systemInstruction'), access)
  const { tools, ignored } = toolsOf(fields)
  const toolChoice = toolChoiceOf(fields, tools)
  const cached = fields.string('cachedContent') || undefined
  if (cached === undefined) checkTurns(turns)
  else if (system.length > 0 || tools.length > 0 || toolChoice) {
    throw invalid(
      fields.at('cachedContent'),
      'CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.',
    )
  }
  const chat: ChatRequest = {
    ...{ model, turns },
    ...(system.length > 0 ? { system } : {}),
    ...(tools.length > 0 ? { tools } : {}),
    ...(toolChoice ? { toolChoice } : {}),
    ...(cached === undefined ? {} : { cached }),
    safety: safetyOf(fields),
    ...configOf(config),
  }
  return {
    chat,
    candidates: config.int('candidateCount', 1, 8) ?? 1,
    ...(cached === undefined ? {} : { cached }),
    ignored,
  }
}

function configOf(config: Fields): Partial<ChatRequest> {
  const [topP, seed] = [config.number('topP', 0, 1), config.int('seed', -(2 ** 31), 2 ** 32 - 1)]
  const stop = config.strings('stopSequences')
  if (stop.length > 16)
    throw invalid(config.at('stopSequences'), `At most 16 stop sequences may be given, got ${stop.length}.`)
  const modalities = config.list('responseModalities').flatMap(({ value, path }) => {
    const fields = new Fields({ modality: value }, path)
    return fields.oneOf('modality', ['TEXT', 'IMAGE', 'AUDIO'], 'MODALITY_')?.toLowerCase() ?? []
  }) as ('text' | 'image' | 'audio')[]
  if (modalities.includes('audio')) throw invalid(config.at('responseModalities'), 'The model does not write sound.')
  return {
    format: formatOf(config),
    ...thinkingOf(config),
    ...logprobsOf(config),
    resolution: resolutionOf(config.get('mediaResolution'), config.at('mediaResolution')),
    maxTokens: config.int('maxOutputTokens', 1),
    ...(modalities.length > 0 ? { modalities } : {}),
    ...(stop.length > 0 ? { stop } : {}),
    sampling: {
      temperature: config.number('temperature', 0, 2),
      topK: topP === 0 ? 1 : wholeTopK(config),
      topP: topP === 0 ? undefined : topP,
      presencePenalty: config.number('presencePenalty', -2, 2),
      frequencyPenalty: config.number('frequencyPenalty', -2, 2),
      seed: seed === undefined ? undefined : seed >>> 0,
    },
  }
}

/** It is a float in older clients. */
function wholeTopK(config: Fields): number | undefined {
  const topK = config.number('topK', 0, 1e6)
  return topK === undefined ? undefined : Math.round(topK)
}

function formatOf(config: Fields): ChatFormat {
  const mime = config.string('responseMimeType')?.toLowerCase() || 'text/plain'
  const [schema, json] = [
    config.get('responseSchema'),
    config.get('responseJsonSchema') ?? config.get('_responseJsonSchema'),
  ]
  if (!['text/plain', 'application/json', 'text/x.enum'].includes(mime)) {
    throw invalid(
      config.at('responseMimeType'),
      `Invalid response mime type: must be text/plain, application/json or text/x.enum, got ${mime.slice(0, 100)}.`,
    )
  }
  if (schema !== undefined && json !== undefined) {
    throw invalid(config.at('responseSchema'), 'Only one of response_schema and response_json_schema may be set.')
  }
  const given = schema ?? json
  if (given === undefined) {
    if (mime === 'text/x.enum')
      throw invalid(config.at('responseSchema'), 'text/x.enum needs a response_schema with an enum.')
    return mime === 'application/json' ? { kind: 'json', schema: {} } : { kind: 'text' }
  }
  if (mime === 'text/plain') {
    throw invalid(
      config.at('responseSchema'),
      "A response schema needs response_mime_type 'application/json' or 'text/x.enum'.",
    )
  }
  const at = config.at(schema === undefined ? 'responseJsonSchema' : 'responseSchema')
  const plain =
    schema === undefined ? Fields.of(json, at) && (json as Record<string, unknown>) : jsonSchemaOf(schema, at)
  if (mime === 'application/json') return { kind: 'json', schema: plain }
  const values = plain.enum
  const areTexts = Array.isArray(values) && values.length > 0 && values.every((value) => typeof value === 'string')
  if (!areTexts) throw invalid(at, 'text/x.enum needs a schema of type STRING with an enum of at least one value.')
  return { kind: 'enum', values: values as string[] }
}

function thinkingOf(config: Fields): Pick<ChatRequest, 'thinking'> {
  const thinking = config.message('thinkingConfig')
  if (!thinking) return {}
  const budget = thinking.int('thinkingBudget', -1)
  const level = thinking.oneOf('thinkingLevel', ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'], 'THINKING_LEVEL_')
  if (budget !== undefined && level !== undefined) {
    throw invalid(thinking.at('thinkingLevel'), 'You can only set only one of thinking budget and thinking level.')
  }
  const include = thinking.bool('includeThoughts') ?? false
  return { thinking: { include, budget: budget ?? (level === undefined ? -1 : levelBudgets[level]) } }
}

function logprobsOf(config: Fields): Pick<ChatRequest, 'logprobs'> {
  const top = config.int('logprobs', 0, 20)
  if (config.bool('responseLogprobs') === true) return { logprobs: { top: top ?? 0 } }
  if (top !== undefined) throw invalid(config.at('logprobs'), 'logprobs needs response_logprobs to be true.')
  return {}
}

function toolsOf(fields: Fields): { tools: ChatTool[]; ignored: string[] } {
  const tools: ChatTool[] = []
  const ignored: string[] = []
  for (const tool of fields.messages('tools')) {
    for (const declaration of tool.messages('functionDeclarations')) tools.push(declarationOf(declaration))
    for (const name of [
      'googleSearch',
      'googleSearchRetrieval',
      'codeExecution',
      'urlContext',
      'fileSearch',
      'googleMaps',
      'computerUse',
    ]) {
      if (tool.has(name)) ignored.push(name)
    }
  }
  const names = tools.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw invalid(fields.at('tools'), `Duplicate function declaration found: ${twice}`)
  return { tools, ignored }
}

function declarationOf(declaration: Fields): ChatTool {
  const name = declaration.string('name') ?? ''
  if (!/^[A-Za-z_][\w.:-]{0,127}$/.test(name)) {
    throw invalid(
      declaration.at('name'),
      `Invalid function name ${JSON.stringify(name.slice(0, 64))}. Must start with a letter or an underscore, and be alphanumeric with _, ., : or -, of at most 128.`,
    )
  }
  const description = declaration.string('description')
  const [schema, json] = [declaration.get('parameters'), declaration.get('parametersJsonSchema')]
  if (schema !== undefined && json !== undefined) {
    throw invalid(declaration.at('parameters'), 'Only one of parameters and parameters_json_schema may be set.')
  }
  const parameters =
    json === undefined
      ? schema === undefined
        ? undefined
        : jsonSchemaOf(schema, declaration.at('parameters'))
      : Fields.of(json, declaration.at('parametersJsonSchema')) && json
  return {
    name,
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
  }
}

function toolChoiceOf(fields: Fields, tools: readonly ChatTool[]): ChatRequest['toolChoice'] {
  const config = fields.message('toolConfig')?.message('functionCallingConfig')
  if (!config) return undefined
  const mode = config.oneOf('mode', ['AUTO', 'ANY', 'NONE', 'VALIDATED'])
  const allowed = config.strings('allowedFunctionNames')
  const unknown = allowed.find((name) => !tools.some((tool) => tool.name === name))
  if (unknown !== undefined) {
    throw invalid(
      config.at('allowedFunctionNames'),
      `Allowed function ${JSON.stringify(unknown.slice(0, 64))} is not among the declared ones.`,
    )
  }
  if (mode === 'ANY' && tools.length === 0) {
    throw invalid(config.at('mode'), 'Function calling mode ANY needs function declarations.')
  }
  const by = { AUTO: 'auto', ANY: 'any', NONE: 'none', VALIDATED: 'auto' } as const
  return { mode: by[mode ?? 'AUTO'], ...(allowed.length > 0 ? { allowed } : {}) }
}

function safetyOf(fields: Fields): Record<string, string> {
  const settings = fields.messages('safetySettings').map((setting): [string, string] => {
    const category = setting.string('category')?.toUpperCase() ?? ''
    const threshold = setting.oneOf(
      'threshold',
      ['BLOCK_LOW_AND_ABOVE', 'BLOCK_MEDIUM_AND_ABOVE', 'BLOCK_ONLY_HIGH', 'BLOCK_NONE', 'OFF'],
      'HARM_BLOCK_THRESHOLD_',
    )
    if (!category.startsWith('HARM_CATEGORY_')) {
      throw invalid(
        setting.at('category'),
        `Invalid value at '${setting.at('category')}' (HarmCategory), ${JSON.stringify(category.slice(0, 64))}`,
      )
    }
    return [category, threshold ?? 'BLOCK_NONE']
  })
  return Object.fromEntries(settings)
}

/** The request of a body that must have no answer of its own: for counting. */
export async function readCountRequest(
  body: Record<string, unknown>,
  model: string,
  access: FileAccess,
): Promise<GeminiRequest> {
  const fields = new Fields(body)
  const whole = fields.message('generateContentRequest')
  if (whole && fields.has('contents')) {
    throw new ServeError('invalid', 'Only one of contents and generate_content_request may be set.', {
      field: 'contents',
    })
  }
  const request = whole ? (fields.get('generateContentRequest') as Record<string, unknown>) : body
  return readRequest(request, model, access, whole ? 'generate_content_request' : '')
}
