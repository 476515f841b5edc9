// Files: uploads in pieces (resumable), in one (raw) or with their description (multipart), and what is asked of them later.
import { bodyChunks, readBytes, parseJson } from '../../body.ts'
import type { NewFile, StoredFile, Upload } from '../../fileStore.ts'
import { boundaryOf, multipartParts, textOf } from '../../multipart.ts'
import { invalid, ServeError } from '../../serveError.ts'
import type { ServeContext } from '../../types.ts'
import { Fields, page } from './fields.ts'
import type { GeminiDeps } from './generate.ts'

/** Bytes of what is said of a file. */
const describedBytes = 2 ** 20

export function shownFile(file: StoredFile): Record<string, unknown> {
  const { id, displayName, mimeType, bytes, createdAt, expiresAt, sha256 } = file
  const uri = `https://generativelanguage.googleapis.com/v1beta/files/${id}`
  return {
    ...{ name: `files/${id}`, displayName, mimeType, sizeBytes: String(bytes) },
    createTime: new Date(createdAt).toISOString(),
    updateTime: new Date(createdAt).toISOString(),
    expirationTime: new Date(expiresAt).toISOString(),
    ...{ sha256Hash: sha256, uri, downloadUri: `${uri}:download?alt=media`, state: 'ACTIVE', source: 'UPLOADED' },
  }
}

/** POST /upload/files */
export async function upload(c: ServeContext, deps: GeminiDeps): Promise<Response> {
  const { incoming, scope } = c.env
  scope.limitSeconds(1800)
  const id = c.req.query('upload_id')
  if (id !== undefined) return continueUpload(c, deps, deps.files.upload(id, scope.key))
  const header = (name: string): string | undefined => c.req.header(`x-goog-upload-${name}`)
  const protocol = header('protocol')?.toLowerCase() ?? c.req.query('uploadType')?.toLowerCase()
  if (protocol === 'resumable') {
    const described = parseJson(await readBytes(incoming, describedBytes))
    const announced = Number(header('header-content-length') ?? 0) || 0
    const file = describedFile(described, scope.key, header('header-content-type'), header('file-name'))
    const { id: uploadId } = await deps.files.begin(file, announced)
    const path = new URL(c.req.url).pathname.replace(/\/{2,}/g, '/')
    const url = `http://${incoming.headers.host ?? '127.0.0.1'}${path}?upload_id=${uploadId}&upload_protocol=resumable`
    return c.json({}, 200, {
      'x-goog-upload-url': url,
      'x-goog-upload-status': 'active',
      'x-goog-upload-chunk-granularity': '1',
    })
  }
  if (protocol === 'multipart') return uploadMultipart(c, deps)
  const file: NewFile = { mimeType: incoming.headers['content-type'] ?? 'application/octet-stream', owner: scope.key }
  return c.json({ file: shownFile(await deps.files.add(file, bodyChunks(incoming, deps.files.limits.fileBytes))) })
}

function describedFile(body: Record<string, unknown>, owner: string, type?: string, fileName?: string): NewFile {
  const file = new Fields(body).message('file') ?? new Fields({}, 'file')
  const name = file.string('name')
  const id = name === undefined || name === '' ? undefined : name.replace(/^files\//, '')
  return {
    mimeType: file.string('mimeType') || type || 'application/octet-stream',
    ...{ owner, id, displayName: file.string('displayName') ?? fileName },
  }
}

async function continueUpload(c: ServeContext, deps: GeminiDeps, open: Upload): Promise<Response> {
  const { incoming } = c.env
  const commands = (c.req.header('x-goog-upload-command') ?? 'upload, finalize').toLowerCase().split(/\s*,\s*/)
  const active = (): Record<string, string> => ({
    'x-goog-upload-status': 'active',
    'x-goog-upload-size-received': String(open.offset),
  })
  if (commands.includes('cancel')) {
    await open.abandon()
    return c.json({}, 200, { 'x-goog-upload-status': 'cancelled' })
  }
  if (commands.includes('upload')) {
    const offset = Number(c.req.header('x-goog-upload-offset') ?? open.offset)
    if (offset !== open.offset) {
      throw invalid('x-goog-upload-offset', `The upload must go on at ${open.offset}, got ${offset}.`)
    }
    await open.append(bodyChunks(incoming, deps.files.limits.fileBytes))
  } else if (!commands.includes('finalize') && !commands.includes('query')) {
    throw invalid('x-goog-upload-command', `Unknown upload command: ${commands.join(', ').slice(0, 80)}`)
  }
  if (!commands.includes('finalize')) return c.json({}, 200, active())
  return c.json({ file: shownFile(await open.finish()) }, 200, { 'x-goog-upload-status': 'final' })
}

/** multipart/related: the description in JSON, then the bytes. */
async function uploadMultipart(c: ServeContext, deps: GeminiDeps): Promise<Response> {
  const { incoming, scope } = c.env
  const boundary = boundaryOf(incoming.headers['content-type'] ?? '')
  const limit = deps.files.limits.fileBytes + describedBytes
  let described: Record<string, unknown> | undefined
  for await (const part of multipartParts(bodyChunks(incoming, limit), boundary)) {
    if (described) {
      const file = describedFile(described, scope.key, part.type, part.fileName)
      return c.json({ file: shownFile(await deps.files.add(file, part.body)) })
    }
    described = parseJson(Buffer.from(await textOf(part.body, describedBytes)))
  }
  throw new ServeError('invalid', 'A multipart upload needs a description and the bytes.')
}

export function listFiles(c: ServeContext, { files }: GeminiDeps): Response {
  const { items, nextPageToken } = page(files.list(c.env.scope.key), c.req.query(), 100)
  return c.json({ files: items.map(shownFile), nextPageToken })
}

export function getFile(c: ServeContext, { files }: GeminiDeps, id: string): Response {
  return c.json(shownFile(files.get(id, c.env.scope.key)))
}

export function downloadFile(c: ServeContext, { files }: GeminiDeps, id: string): Response {
  const { key } = c.env.scope
  const { mimeType, bytes } = files.get(id, key)
  // served as a download: a page that somebody uploaded must not run here
  const headers = {
    'content-type': mimeType,
    'content-length': String(bytes),
    'content-disposition': 'attachment',
    'x-content-type-options': 'nosniff',
  }
  return new Response(ReadableStream.from(files.stream(id, key)) as ReadableStream, { headers })
}

export function deleteFile(c: ServeContext, { files }: GeminiDeps, id: string): Response {
  files.remove(id, c.env.scope.key)
  return c.json({})
}
