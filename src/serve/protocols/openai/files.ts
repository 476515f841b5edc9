// /files: uploads by multipart form, lists, contents. Files stay for two days, as the other protocol's do.
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { ReadableStream as WebStream } from 'node:stream/web'
import { bodyChunks } from '../../body.ts'
import type { FileDetails, StoredFile, Upload } from '../../fileStore.ts'
import { boundaryOf, multipartParts, textOf } from '../../multipart.ts'
import type { ServeApp, ServeContext, ServeDeps } from '../../types.ts'
import { OpenAiError } from './errors.ts'
import { Fields } from './fields.ts'
import { pageOf } from './pages.ts'

/** Bytes of a form beside its file, and of one of its fields. */
const formBytes = 2 ** 20
const fieldBytes = 64 * 2 ** 10

const uploadSeconds = 1800

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

/** A form whose file goes to the disk as it comes; its other fields may stand before or behind. */
async function upload(c: ServeContext, files: ServeDeps['files']): Promise<StoredFile> {
  const { incoming, scope } = c.env
  scope.limitSeconds(uploadSeconds)
  const contentType = incoming.headers['content-type'] ?? ''
  if (!/^multipart\/form-data *;/i.test(contentType)) {
    throw new OpenAiError('invalid_content_type', undefined, 'Files come as multipart/form-data.')
  }
  const chunks = bodyChunks(incoming as IncomingMessage, files.limits.fileBytes + formBytes)
  const texts = new Map<string | undefined, string>()
  let open: Upload | undefined
  try {
    for await (const { name, fileName, type, body } of multipartParts(chunks, boundaryOf(contentType))) {
      if (name !== 'file') texts.set(name, await textOf(body, fieldBytes))
      else if (fileName === undefined || open) throw missingFile()
      else {
        const mimeType = /^[\w.+-]+\/[\w.+-]+/.exec(type ?? '')?.[0].toLowerCase() ?? 'application/octet-stream'
        open = await files.begin({ mimeType, owner: scope.key, displayName: fileName.slice(0, 512) })
        await open.append(body)
      }
    }
    if (!open) throw missingFile()
    return await open.finish(detailsOf(texts, files.limits.ttlSeconds))
  } catch (error) {
    await open?.abandon()
    throw error
  }
}

function detailsOf(texts: ReadonlyMap<string | undefined, string>, longest: number): FileDetails {
  const fields = new Fields({ purpose: texts.get('purpose') })
  const purpose = fields.required('purpose', fields.string('purpose', { max: 64 }))
  const seconds = Number(texts.get('expires_after[seconds]'))
  return { purpose, ttlSeconds: seconds > 0 ? Math.min(seconds, longest) : undefined }
}

function missingFile(): OpenAiError {
  return new OpenAiError('missing_required_parameter', 'file', "Missing required parameter: 'file'.", {
    hint: 'send a multipart form with one file named file, and the field purpose',
  })
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
