// Contents and parts of the Gemini API as turns of a conversation. Files are fetched here, so below there are bytes.
import { isRecord } from '../../../util/index.ts'
import type { ChatPart, ChatTurn, MediaResolution } from '../../chat.ts'
import type { FileStore } from '../../fileStore.ts'
import { invalid, ServeError } from '../../serveError.ts'
import { base64Bytes, durationSeconds, enumValue, Fields } from './fields.ts'

/** Whose files may be read. */
export interface FileAccess {
  files: FileStore
  owner: string
}

const levels = { LOW: 'low', MEDIUM: 'medium', HIGH: 'high', ULTRA_HIGH: 'ultraHigh' } as const

/** A media resolution, as a value or as {level}. */
export function resolutionOf(value: unknown, path: string): MediaResolution | undefined {
  if (value === undefined) return undefined
  const level = isRecord(value) ? new Fields(value, path).get('level') : value
  if (level === undefined) return undefined
  const name = enumValue(level, path, Object.keys(levels) as (keyof typeof levels)[], 'MEDIA_RESOLUTION_')
  return name && levels[name]
}

/** Turns of `contents`. @throws ServeError naming what is wrong */
export async function turnsOf(fields: Fields, access: FileAccess): Promise<ChatTurn[]> {
  const turns: ChatTurn[] = []
  for (const { value, path } of fields.list('contents')) turns.push(await turnOf(value, path, access, turns))
  return turns
}

/** One content; a text stands for a user's. */
export async function turnOf(
  value: unknown,
  path: string,
  access: FileAccess,
  before: readonly ChatTurn[] = [],
): Promise<ChatTurn> {
  if (typeof value === 'string') return { role: 'user', parts: [{ kind: 'text', text: value }] }
  const content = Fields.of(value, path)
  const given = content.string('role')?.toLowerCase() ?? 'user'
  if (!['user', 'model', 'function', 'tool', 'assistant', ''].includes(given)) {
    throw invalid(content.at('role'), 'Please use a valid role: user, model.')
  }
  const role = given === 'model' || given === 'assistant' ? 'model' : 'user'
  const parts = await partsOf(content.list('parts'), access, before)
  if (parts.length === 0 && role === 'user') {
    throw invalid(content.at('parts'), `${content.at('parts')}: must hold at least one part with data, got none.`)
  }
  return { role, parts }
}

/** Parts of an instruction: a text, a part, a content or a list. */
export async function instructionOf(value: unknown, path: string, access: FileAccess): Promise<ChatPart[]> {
  if (value === undefined) return []
  if (typeof value === 'string') return [{ kind: 'text', text: value }]
  if (Array.isArray(value))
    return partsOf(
      value.map((item, i) => ({ value: item as unknown, path: `${path}[${i}]` })),
      access,
    )
  const content = Fields.of(value, path)
  return partsOf(content.has('parts') ? content.list('parts') : [{ value, path }], access)
}

async function partsOf(
  list: { value: unknown; path: string }[],
  access: FileAccess,
  before: readonly ChatTurn[] = [],
): Promise<ChatPart[]> {
  const parts: ChatPart[] = []
  for (const { value, path } of list) {
    if (typeof value === 'string') parts.push({ kind: 'text', text: value })
    else parts.push(...(await partOf(Fields.of(value, path), access, before)))
  }
  return parts
}

async function partOf(part: Fields, access: FileAccess, before: readonly ChatTurn[]): Promise<ChatPart[]> {
  const signature = part.string('thoughtSignature') || undefined
  const sealed: ChatPart[] = signature === undefined ? [] : [{ kind: 'thought', text: '', signature }]
  const text = part.string('text')
  if (text !== undefined) {
    if (part.bool('thought') === true) return [{ kind: 'thought', text, signature }]
    return text === '' && signature !== undefined ? sealed : [...sealed, { kind: 'text', text }]
  }
  if (part.has('inlineData')) return [...sealed, await inlineOf(part)]
  if (part.has('fileData')) return [...sealed, await fileOf(part, access)]
  if (part.has('functionCall')) return [callOf(part.message('functionCall')!, signature)]
  if (part.has('functionResponse')) return resultOf(part.message('functionResponse')!, access, before)
  const code = part.message('executableCode')
  if (code)
    return [
      {
        kind: 'text',
        text: `\`\`\`${code.string('language')?.toLowerCase() ?? ''}\n${code.string('code') ?? ''}\n\`\`\`\n`,
      },
    ]
  const output = part.message('codeExecutionResult')
  if (output) return [{ kind: 'text', text: `\`\`\`\n${output.string('output') ?? ''}\n\`\`\`\n` }]
  return sealed
}

async function inlineOf(part: Fields): Promise<ChatPart> {
  const blob = part.message('inlineData')!
  const bytes = base64Bytes(blob.string('data') ?? '', blob.at('data'))
  const mimeType = blob.string('mimeType') ?? ''
  return mediaOf(part, bytes, mimeType, blob.at('mimeType'))
}

async function fileOf(part: Fields, { files, owner }: FileAccess): Promise<ChatPart> {
  const data = part.message('fileData')!
  const uri = data.string('fileUri') ?? ''
  const id = fileIdOf(uri)
  if (id === undefined) {
    throw invalid(
      data.at('fileUri'),
      `Unsupported file uri: ${uri.slice(0, 100)}. Upload the file; addresses elsewhere are not fetched.`,
    )
  }
  const file = files.get(id, owner)
  return mediaOf(part, await files.read(id, owner), data.string('mimeType') || file.mimeType, data.at('mimeType'))
}

/** The id of a file that an address or a name ends with. */
export function fileIdOf(uri: string): string | undefined {
  return /(?:^|\/)files\/([a-z0-9-]{1,40})$/.exec(uri)?.[1]
}

function mediaOf(part: Fields, bytes: Buffer, mimeType: string, path: string): ChatPart {
  const type = mimeType.toLowerCase().split(';')[0].trim()
  if (bytes.length === 0) throw invalid(path, 'Unable to process input: the data must not be empty.')
  if (type.startsWith('text/') || type === 'application/json') return { kind: 'text', text: bytes.toString() }
  if (type === 'application/pdf')
    throw invalid(path, 'Unsupported MIME type: application/pdf. Send its pages as pictures or its text.')
  if (!/^(image|audio|video)\//.test(type) && type !== '' && type !== 'application/octet-stream') {
    throw invalid(path, `Unsupported MIME type: ${type.slice(0, 100)}`)
  }
  const resolution = resolutionOf(part.get('mediaResolution'), part.at('mediaResolution'))
  const clip = clipOf(part.message('videoMetadata'))
  return { kind: 'media', mimeType: type, bytes, ...(resolution ? { resolution } : {}), ...(clip ? { clip } : {}) }
}

function clipOf(metadata: Fields | undefined): { fps?: number; start?: number; end?: number } | undefined {
  if (!metadata) return undefined
  const fps = metadata.number('fps', 0, 24)
  const seconds = (name: string): number | undefined => {
    const value = metadata.get(name)
    if (value === undefined) return undefined
    const time = durationSeconds(value, metadata.at(name))
    if (time < 0)
      throw invalid(metadata.at(name), `Invalid value at '${metadata.at(name)}': must be at least 0s, got ${time}s.`)
    return time
  }
  const [start, end] = [seconds('startOffset'), seconds('endOffset')]
  if (fps === 0) throw invalid(metadata.at('fps'), `Invalid value at '${metadata.at('fps')}': must be above 0, got 0.`)
  if (end !== undefined && end <= (start ?? 0)) {
    throw invalid(
      metadata.at('endOffset'),
      `Invalid value at '${metadata.at('endOffset')}': must be behind the start, got ${end}s.`,
    )
  }
  return { fps, start, end }
}

function callOf(call: Fields, signature: string | undefined): ChatPart {
  const name = call.string('name')
  if (!name) throw invalid(call.at('name'), `${call.at('name')}: a function call must have a name.`)
  const args = call.get('args') ?? {}
  if (!isRecord(args)) throw invalid(call.at('args'), `Invalid value at '${call.at('args')}' (Struct).`)
  return { kind: 'call', id: call.string('id') ?? '', name, args, ...(signature ? { signature } : {}) }
}

/** A result, and pictures or sounds that came with it. */
async function resultOf(result: Fields, access: FileAccess, before: readonly ChatTurn[]): Promise<ChatPart[]> {
  const id = result.string('id') ?? ''
  const name = result.string('name') || nameOfCall(id, before)
  if (!name)
    throw invalid(result.at('name'), `${result.at('name')}: a function response must have the name of its function.`)
  const response = result.get('response') ?? {}
  const media = await partsOf(result.list('parts'), access)
  return [{ kind: 'result', id, name, response }, ...media]
}

function nameOfCall(id: string, turns: readonly ChatTurn[]): string | undefined {
  const calls = turns.flatMap(({ parts }) => parts.filter((part) => part.kind === 'call'))
  return id === '' ? undefined : calls.find((call) => call.id === id)?.name
}

/** A turn must follow in which something is said. @throws ServeError */
export function checkTurns(turns: readonly ChatTurn[]): void {
  if (turns.length === 0) {
    throw new ServeError('invalid', '* GenerateContentRequest.contents: contents is not specified', {
      field: 'contents',
    })
  }
}
