// /files: uploads by multipart form, lists, contents. Files stay for two days, as the other protocol's do.
import { Readable } from 'node:stream'
import type { ReadableStream as WebStream } from 'node:stream/web'
import { bodyChunks } from '../../body.ts'
import type { StoredFile } from '../../fileStore.ts'
import { ServeError } from '../../serveError.ts'
import type { ServeApp, ServeContext, ServeDeps } from '../../types.ts'
import { OpenAiError } from './errors.ts'
import { Fields } from './fields.ts'
import { pageOf } from './pages.ts'

/** Bytes of an upload: it is read into memory on its way. */
const uploadBytes = 256 * 2 ** 20

/** A file's id as OpenAI writes it, and back. */
export const fileName = (id: string) => `file-${id}`
export const fileId = (name: string) => name.replace(/^file-/, '')

export function addFiles(app: ServeApp, { files }: ServeDeps): void {
  app.post('/files', async (c) => c.json(fileObject(await upload(c, files))))
  app.get('/files', (c) => {
    const purpose = c.req.query('purpose')
    const all = files.list(c.env.scope.key).filter((file) => purpose === undefined || purposeOf(file) === purpose)
    return c.json(pageOf(all.map(fileObject), c))
  })
  app.get('/files/:id', (c) => c.json(fileObject(files.get(fileId(c.req.param('id')), c.env.scope.key))))
  app.delete('/files/:id', (c) => {
    const id = c.req.param('id')
    files.remove(fileId(id), c.env.scope.key)
    return c.json({ id, object: 'file', deleted: true })
  })
  app.get('/files/:id/content', (c) => {
    const file = files.get(fileId(c.req.param('id')), c.env.scope.key)
    const content = Readable.toWeb(Readable.from(files.stream(file.id, c.env.scope.key))) as WebStream
    const headers = {
      'content-type': file.mimeType,
      'content-length': String(file.bytes),
      'x-content-type-options': 'nosniff',
    }
    return new Response(content as ReadableStream, { headers: { ...headers, 'content-disposition': 'attachment' } })
  })
}

async function upload(c: ServeContext, files: ServeDeps['files']): Promise<StoredFile> {
  const { incoming, scope } = c.env
  const form = await readForm(incoming, incoming.headers['content-type'] ?? '')
  const file = form.get('file')
  if (!file || typeof file === 'string') {
    throw new OpenAiError('missing_required_parameter', 'file', "Missing required parameter: 'file'.", {
      hint: 'send a multipart form with the fields file and purpose',
    })
  }
  const text = (name: string) => {
    const value = form.get(name)
    return typeof value === 'string' ? value : undefined
  }
  const fields = new Fields({ purpose: text('purpose') })
  const purpose = fields.required('purpose', fields.string('purpose', { max: 64 }))
  const seconds = Number(text('expires_after[seconds]'))
  const displayName = file.name.slice(0, 512)
  const mimeType = /^[\w.+-]+\/[\w.+-]+/.exec(file.type)?.[0].toLowerCase() ?? 'application/octet-stream'
  const ttlSeconds = seconds > 0 ? Math.min(seconds, files.limits.ttlSeconds) : undefined
  return files.add(
    { mimeType, owner: scope.key, displayName, purpose, ttlSeconds },
    new Uint8Array(await file.arrayBuffer()),
  )
}

async function readForm(incoming: ServeContext['env']['incoming'], contentType: string): Promise<FormData> {
  if (!/^multipart\/form-data *;.*boundary=/i.test(contentType)) {
    throw new OpenAiError('invalid_content_type', undefined, 'Files come as multipart/form-data.')
  }
  const parts: Buffer[] = []
  for await (const part of bodyChunks(incoming as Parameters<typeof bodyChunks>[0], uploadBytes)) parts.push(part)
  try {
    return await new Response(Buffer.concat(parts), { headers: { 'content-type': contentType } }).formData()
  } catch (cause) {
    throw new ServeError('invalid', 'The multipart form cannot be read.', { cause })
  }
}

function purposeOf({ purpose = 'user_data' }: StoredFile): string {
  return purpose
}

export function fileObject(file: StoredFile) {
  return {
    id: fileName(file.id),
    object: 'file' as const,
    bytes: file.bytes,
    created_at: Math.floor(file.createdAt / 1000),
    expires_at: Math.floor(file.expiresAt / 1000),
    filename: file.displayName ?? file.id,
    purpose: purposeOf(file),
    status: 'processed' as const,
  }
}
