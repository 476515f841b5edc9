// Parts of messages: text, pictures, sound and files, as Chat Completions and Responses spell them.
//
// Media come in the request itself, as data: addresses, or as files sent before. The server fetches nothing from elsewhere: it
// runs offline, and an address in a prompt must not make it ask its own network.
import type { ChatPart, MediaResolution } from '../../chat.ts'
import { OpenAiError } from './errors.ts'
import { type Fields, invalidValue, wrongType } from './fields.ts'

/** Gives uploaded files by id. */
export type FileSource = (id: string) => Promise<{ mimeType: string; bytes: Uint8Array }>

/** Parts of a message, and media in one, at most. */
const maxParts = 4096

/** The content of a message: a string, or a list of parts. */
export async function readContent(
  message: Fields,
  name: string,
  files: FileSource,
  { media = true }: { media?: boolean } = {},
): Promise<ChatPart[]> {
  const value = message.get(name)
  if (value === undefined) return []
  if (typeof value === 'string') return [{ kind: 'text', text: value }]
  if (!Array.isArray(value)) throw wrongType(message.at(name), 'a string or an array of content parts', value)
  const parts: ChatPart[] = []
  for (const part of message.objects(name, maxParts)!) {
    const read = await readPart(part, files)
    if (read.kind === 'media' && !media) {
      throw invalidValue(part.at('type'), 'media can only stand in messages of the user.')
    }
    parts.push(read)
  }
  return parts
}

async function readPart(part: Fields, files: FileSource): Promise<ChatPart> {
  const type = part.required('type', part.string('type'))
  switch (type) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return { kind: 'text', text: part.required('text', part.string('text')) }
    case 'refusal':
      return { kind: 'text', text: part.required('refusal', part.string('refusal')) }
    case 'image_url':
    case 'video_url':
      return readAddress(part, type)
    case 'input_image':
      return readInputImage(part, files)
    case 'input_audio':
      return readAudio(part)
    case 'file':
      return readFile(part.required('file', part.object('file')), files)
    case 'input_file':
      return readFile(part, files)
    default:
      throw invalidValue(
        part.at('type'),
        `content of this type is not read, got ${JSON.stringify(type.slice(0, 100))}.`,
      )
  }
}

/** {image_url: {url, detail}}, or the address alone. */
function readAddress(part: Fields, name: 'image_url' | 'video_url'): ChatPart {
  if (typeof part.get(name) === 'string') return media(part.string(name)!, part.at(name))
  const address = part.required(name, part.object(name))
  return media(address.required('url', address.string('url')), address.at('url'), readDetail(address))
}

async function readInputImage(part: Fields, files: FileSource): Promise<ChatPart> {
  const resolution = readDetail(part)
  const id = part.string('file_id')
  if (id !== undefined) return withResolution({ kind: 'media', ...(await fileOf(id, part, files)) }, resolution)
  return media(part.required('image_url', part.string('image_url')), part.at('image_url'), resolution)
}

function readDetail(part: Fields): MediaResolution | undefined {
  const detail = part.oneOf('detail', ['auto', 'low', 'high', 'original'])
  return detail === 'low' || detail === 'high' ? detail : undefined
}

function readAudio(part: Fields): ChatPart {
  const audio = part.required('input_audio', part.object('input_audio'))
  const format = audio.required(
    'format',
    audio.oneOf('format', ['wav', 'mp3', 'flac', 'ogg', 'opus', 'aac', 'm4a', 'webm']),
  )
  const data = audio.required('data', audio.string('data'))
  return { kind: 'media', mimeType: `audio/${format}`, bytes: fromBase64(data, audio.at('data')) }
}

async function readFile(file: Fields, files: FileSource): Promise<ChatPart> {
  const id = file.string('file_id')
  const data = file.string('file_data')
  if (file.has('file_url')) throw noFetch(file.at('file_url'))
  if (id !== undefined) return textOrMedia(await fileOf(id, file, files))
  const field = file.at('file_data')
  const text = file.required('file_data', data)
  if (text.startsWith('data:')) return textOrMedia(fromDataUrl(text, field))
  return textOrMedia({ mimeType: 'application/octet-stream', bytes: fromBase64(text, field) })
}

async function fileOf(id: string, part: Fields, files: FileSource): ReturnType<FileSource> {
  try {
    return await files(id)
  } catch (cause) {
    const message = `No file found with id '${id.slice(0, 64)}'.`
    throw new OpenAiError('file_not_found', part.at('file_id'), message, { cause })
  }
}

/** Text files are read as text. */
function textOrMedia({ mimeType, bytes }: { mimeType: string; bytes: Uint8Array }): ChatPart {
  const isText = /^text\/|^application\/(json|xml|javascript)\b/.test(mimeType)
  return isText ? { kind: 'text', text: new TextDecoder().decode(bytes) } : { kind: 'media', mimeType, bytes }
}

function media(url: string, field: string, resolution?: MediaResolution): ChatPart {
  if (/^https?:/i.test(url)) throw noFetch(field)
  return withResolution({ kind: 'media', ...fromDataUrl(url, field) }, resolution)
}

function withResolution(part: Extract<ChatPart, { kind: 'media' }>, resolution?: MediaResolution): ChatPart {
  return resolution === undefined ? part : { ...part, resolution }
}

function noFetch(field: string): OpenAiError {
  return invalidValue(
    field,
    'this server fetches nothing from elsewhere.',
    'send the content itself as data:TYPE;base64,..., or upload it and name its file_id',
  )
}

/** Type and bytes of a data: address. */
export function fromDataUrl(url: string, field: string): { mimeType: string; bytes: Uint8Array } {
  const comma = url.indexOf(',')
  const head = comma < 0 ? '' : url.slice(0, Math.min(comma, 300))
  const [, mimeType = '', base64] = /^data:([\w.+-]+\/[\w.+-]+)?(?:;[\w-]+=[^;,]*)*(;base64)?$/i.exec(head) ?? []
  if (head === '' || !head.toLowerCase().startsWith('data:') || (mimeType === '' && !/^data:(;|$)/i.test(head))) {
    throw invalidValue(field, `expected data:TYPE;base64,..., got ${JSON.stringify(url.slice(0, 40))}.`)
  }
  const body = url.slice(comma + 1)
  const bytes = base64 === undefined ? percentDecoded(body, field) : fromBase64(body, field)
  return { mimeType: mimeType.toLowerCase() || 'text/plain', bytes }
}

function percentDecoded(text: string, field: string): Uint8Array {
  try {
    return new TextEncoder().encode(decodeURIComponent(text))
  } catch {
    throw invalidValue(field, 'the content of the data: address cannot be decoded.')
  }
}

/** Bytes of base64, also in its spelling for addresses. */
export function fromBase64(text: string, field: string): Uint8Array {
  const compact = /\s/.test(text) ? text.replace(/\s+/g, '') : text
  const digits = compact.replace(/={1,2}$/, '')
  if (digits === '' || digits.length % 4 === 1 || !/^[A-Za-z0-9+/_-]+$/.test(digits)) {
    throw invalidValue(field, 'expected base64-encoded data.')
  }
  return new Uint8Array(Buffer.from(digits, 'base64'))
}
