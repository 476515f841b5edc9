// "Get code": the request that the studio would send now, written for @google/genai, for openai and for curl.
//
// Files of the conversation are not written out; the code reads them from the folder it is run in, under their names.
import type { Content, FunctionDeclaration, GenerateRequest, Part } from '../api/geminiTypes.ts'
import { choiceList, type Settings } from './settings.ts'

export interface CodeOptions {
  model: string
  /** Origin of the server, such as http://127.0.0.1:8000. */
  origin: string
  /** Whether the server asks for a key; it is never written into the code. */
  keyed: boolean
}

export const codeKinds = ['genai', 'openai', 'curl'] as const
export type CodeKind = (typeof codeKinds)[number]

/** @param request with `media` parts as they stand in the conversation */
export function codeFor(kind: CodeKind, request: GenerateRequest, settings: Settings, options: CodeOptions): string {
  if (kind === 'genai') return genaiCode(request, options)
  if (kind === 'openai') return openaiCode(request, settings, options)
  return curlCode(request, options)
}

/** Code in the place of a value. */
class Raw {
  readonly code: string

  constructor(code: string) {
    this.code = code
  }
}

function genaiCode({ contents, generationConfig, ...rest }: GenerateRequest, options: CodeOptions): string {
  const config = { ...rest, ...generationConfig }
  const request = {
    model: options.model,
    contents: contents.map(({ role, parts }) => ({ role, parts: parts.map((part) => filePart(part, readBase64)) })),
    ...(Object.keys(config).length > 0 ? { config } : {}),
  }
  const client = { apiKey: keyCode(options), httpOptions: { baseUrl: options.origin } }
  return lines(
    ...imports(contents, "import { GoogleGenAI } from '@google/genai'"),
    '',
    `const ai = new GoogleGenAI(${literal(client)})`,
    '',
    `const stream = await ai.models.generateContentStream(${literal(request)})`,
    '',
    'for await (const chunk of stream) {',
    '  for (const part of chunk.candidates?.[0]?.content?.parts ?? []) {',
    '    if (part.functionCall) console.log(part.functionCall)',
    "    else if (!part.thought) process.stdout.write(part.text ?? '')",
    '  }',
    '}',
  )
}

function openaiCode(request: GenerateRequest, settings: Settings, options: CodeOptions): string {
  const { contents, generationConfig: config = {} } = request
  const effort = { default: undefined, off: 'none', free: 'high', budget: effortOf(settings.thinkingBudget) }
  const body = {
    model: options.model,
    messages: [...systemMessages(request), ...contents.flatMap(openaiMessages)],
    temperature: config.temperature,
    top_p: config.topP,
    // beyond OpenAI's own fields
    top_k: config.topK,
    max_completion_tokens: config.maxOutputTokens,
    seed: config.seed,
    stop: config.stopSequences,
    reasoning_effort: effort[settings.thinking],
    response_format: responseFormat(request, settings),
    ...openaiTools(request),
    stream: true,
  }
  return lines(
    ...imports(contents, "import OpenAI from 'openai'"),
    '',
    `const client = new OpenAI(${literal({ apiKey: keyCode(options), baseURL: `${options.origin}/v1` })})`,
    '',
    `const stream = await client.chat.completions.create(${literal(body)})`,
    '',
    'for await (const chunk of stream) {',
    '  const delta = chunk.choices[0]?.delta',
    '  if (delta?.tool_calls) console.log(delta.tool_calls)',
    "  else process.stdout.write(delta?.content ?? '')",
    '}',
  )
}

function effortOf(budget: number): string {
  if (budget <= 512) return 'minimal'
  if (budget <= 2048) return 'low'
  return budget <= 8192 ? 'medium' : 'high'
}

function systemMessages({ systemInstruction }: GenerateRequest): unknown[] {
  if (systemInstruction === undefined) return []
  return [{ role: 'system', content: systemInstruction.parts.map((part) => part.text ?? '').join('\n') }]
}

/** A turn as messages: results of calls are messages of their own. */
function openaiMessages({ role, parts }: Content): unknown[] {
  const results = parts.flatMap(({ functionResponse: result }) =>
    result === undefined
      ? []
      : [{ role: 'tool', tool_call_id: result.id ?? result.name, content: JSON.stringify(result.response) }],
  )
  const said = parts.filter((part) => part.functionCall === undefined && part.functionResponse === undefined)
  const text = said.map((part) => part.text ?? '').join('')
  const hasFiles = said.some((part) => part.text === undefined)
  if (role === 'model') {
    const calls = parts.flatMap(({ functionCall: call }) => (call === undefined ? [] : [openaiCall(call)]))
    // a picture that it drew cannot be told to this API
    return [{ role: 'assistant', content: text, ...(calls.length > 0 ? { tool_calls: calls } : {}) }]
  }
  if (said.length === 0) return results
  return [...results, { role: 'user', content: hasFiles ? said.map(openaiPart) : text }]
}

function openaiCall({ id, name, args }: NonNullable<Part['functionCall']>): unknown {
  return { id: id ?? name, type: 'function', function: { name, arguments: JSON.stringify(args ?? {}) } }
}

function openaiPart(part: Part): unknown {
  if (part.media === undefined) return { type: 'text', text: part.text ?? '' }
  const { mimeType, name } = part.media
  const address = new Raw(`\`data:${mimeType};base64,\${readFileSync(${quote(name)}).toString('base64')}\``)
  if (mimeType.startsWith('image/')) return { type: 'image_url', image_url: { url: address } }
  if (mimeType.startsWith('audio/')) {
    return { type: 'input_audio', input_audio: { data: new Raw(readBase64(name)), format: soundFormat(mimeType) } }
  }
  return { type: 'file', file: { filename: name, file_data: address } }
}

function soundFormat(mimeType: string): string {
  const name = mimeType.slice(mimeType.indexOf('/') + 1).replace(/^x-/, '')
  return name === 'mpeg' ? 'mp3' : name
}

function responseFormat({ generationConfig }: GenerateRequest, settings: Settings): unknown {
  if (settings.format === 'text') return undefined
  const schema =
    settings.format === 'json'
      ? generationConfig?.responseJsonSchema
      : { type: 'string', enum: choiceList(settings.choices) }
  return { type: 'json_schema', json_schema: { name: 'answer', schema } }
}

function openaiTools({ tools, toolConfig }: GenerateRequest): Record<string, unknown> {
  const declarations = tools?.flatMap((tool) => tool.functionDeclarations) ?? []
  if (declarations.length === 0) return {}
  const choices: Record<string, string> = { AUTO: 'auto', ANY: 'required', NONE: 'none' }
  return {
    tools: declarations.map((declaration) => ({ type: 'function', function: openaiFunction(declaration) })),
    tool_choice: choices[toolConfig?.functionCallingConfig.mode ?? 'AUTO'],
  }
}

function openaiFunction(declaration: FunctionDeclaration & { parameters?: unknown }): unknown {
  const { name, description, parametersJsonSchema, parameters } = declaration
  return { name, description, parameters: parametersJsonSchema ?? parameters }
}

function curlCode(request: GenerateRequest, { model, origin, keyed }: CodeOptions): string {
  const files: string[] = []
  const contents = request.contents.map(({ role, parts }) => ({
    role,
    parts: parts.map((part) =>
      filePart(part, (name) => {
        files.push(name)
        return undefined
      }),
    ),
  }))
  let json = JSON.stringify({ ...request, contents }, undefined, 2)
  // a shell reads a here-document without quotes: what it would take for its own is escaped, and each file's place is filled
  if (files.length > 0) json = json.replace(/[\\$`]/g, '\\$&')
  for (const name of files) json = json.replace('"@file@"', () => `"$(base64 < ${shellQuote(name)} | tr -d '\\n')"`)
  return lines(
    `curl -N '${origin}/v1beta/models/${encodeURIComponent(model)}:streamGenerateContent?alt=sse' \\`,
    "  -H 'content-type: application/json' \\",
    `  -H ${keyed ? '"x-goog-api-key: $POLLUX_API_KEY"' : "'x-goog-api-key: local'"} \\`,
    `  -d @- <<${files.length > 0 ? 'JSON' : "'JSON'"}`,
    json,
    'JSON',
  )
}

/** A part for the Gemini format. @param read code that gives a file as base64; undefined: the placeholder of curl */
function filePart(part: Part, read: (name: string) => string | undefined): unknown {
  if (part.media === undefined) return part
  const { mimeType, name } = part.media
  const code = read(name)
  return { inlineData: { mimeType, data: code === undefined ? '@file@' : new Raw(code) } }
}

const readBase64 = (name: string) => `readFileSync(${quote(name)}).toString('base64')`

function imports(contents: readonly Content[], sdk: string): string[] {
  const hasFiles = contents.some(({ parts }) => parts.some((part) => part.media !== undefined))
  return hasFiles ? ["import { readFileSync } from 'node:fs'", sdk] : [sdk]
}

function keyCode({ keyed }: CodeOptions): unknown {
  return keyed ? new Raw('process.env.POLLUX_API_KEY') : 'local'
}

/** A value as a JavaScript literal; fields that are undefined are left out. Short ones stand on one line. */
function literal(value: unknown, indent = ''): string {
  if (value instanceof Raw) return value.code
  if (typeof value === 'string') return quote(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined'
  const inner = `${indent}  `
  const items = Array.isArray(value)
    ? value.map((item) => literal(item, inner))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => `${propertyName(key)}: ${literal(item, inner)}`)
  const [open, close, pad] = Array.isArray(value) ? ['[', ']', ''] : ['{', '}', ' ']
  if (items.length === 0) return open + close
  const flat = `${open}${pad}${items.join(', ')}${pad}${close}`
  if (indent.length + flat.length <= 96 && !flat.includes('\n')) return flat
  return `${open}\n${items.map((item) => `${inner}${item},\n`).join('')}${indent}${close}`
}

function propertyName(key: string): string {
  // a plain `__proto__:` would set the prototype
  return /^[A-Za-z_$][\w$]*$/.test(key) && key !== '__proto__' ? key : key === '__proto__' ? `['${key}']` : quote(key)
}

function quote(text: string): string {
  const json = JSON.stringify(text)
  return text.includes("'") ? json : `'${json.slice(1, -1).replaceAll('\\"', '"')}'`
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function lines(...all: string[]): string {
  return `${all.join('\n')}\n`
}
