// Routes of the Gemini API. Google writes methods behind a colon (models/x:generateContent), so the last segment is taken apart
// here.
import { invalid, ServeError } from '../../serveError.ts'
import type { ServeApp, ServeContext, ServeDeps } from '../../types.ts'
import { cancelBatch, createBatch, deleteBatch, getBatch, listBatches } from './batches.ts'
import { CacheStore } from './caches.ts'
import { deleteFile, downloadFile, getFile, listFiles, upload } from './files.ts'
import { Fields } from './fields.ts'
import { type GeminiDeps, generateContent, readBody, streamGenerateContent } from './generate.ts'
import { batchEmbedContents, countTokens, embedContent, getModel, listModels } from './models.ts'

type Handler = (c: ServeContext, deps: GeminiDeps, id: string) => Response | Promise<Response>

/** What can be asked of a model. */
const modelMethods: Readonly<Record<string, Handler>> = {
  generateContent,
  streamGenerateContent,
  countTokens,
  embedContent,
  batchEmbedContents,
  batchGenerateContent: (c, deps, id) => createBatch(c, deps, id, false),
  asyncBatchEmbedContent: (c, deps, id) => createBatch(c, deps, id, true),
}

/** Known to clients, and not of a server on one's own machine. */
const elsewhere =
  /^\/(interactions|fileSearchStores|ragStores|corpora|agents|environments|triggers|webhooks|voices|credentials|dynamic|tunedModels\/.+|operations|generatedFiles|documents)(\/|$|:)/

export function geminiRoutes(app: ServeApp, serveDeps: ServeDeps): void {
  const deps: GeminiDeps = { ...serveDeps, caches: new CacheStore(serveDeps) }
  const { caches } = deps
  app.get('/models', (c) => listModels(c, deps))
  app.get('/models/:rest{.+}', (c) => getModel(c, deps, c.req.param('rest')))
  app.post('/:kind{models|tunedModels}/:rest{.+}', (c) => modelMethod(c, deps))
  app.get('/tunedModels', (c) => c.json({ tunedModels: [] }))

  app.post('/upload/files', (c) => upload(c, deps))
  app.put('/upload/files', (c) => upload(c, deps))
  app.get('/files', (c) => listFiles(c, deps))
  app.get('/files/:rest{.+}', (c) => {
    const [id, method] = split(c.req.param('rest'))
    if (method === 'download' || c.req.query('alt') === 'media') return downloadFile(c, deps, id)
    return getFile(c, deps, id)
  })
  app.delete('/files/:rest{.+}', (c) => deleteFile(c, deps, c.req.param('rest')))

  app.post('/cachedContents', async (c) => caches.create(c, await readBody(c, deps)))
  app.get('/cachedContents', (c) => caches.list(c))
  app.get('/cachedContents/:id', (c) => caches.get(c, c.req.param('id')))
  app.patch('/cachedContents/:id', async (c) => caches.update(c, c.req.param('id'), await readBody(c, deps)))
  app.delete('/cachedContents/:id', (c) => caches.remove(c, c.req.param('id')))

  app.get('/batches', (c) => listBatches(c, deps))
  app.get('/batches/:id', (c) => getBatch(c, deps, c.req.param('id')))
  app.delete('/batches/:id', (c) => deleteBatch(c, deps, c.req.param('id')))
  app.post('/batches/:rest', (c) => {
    const [id, method] = split(c.req.param('rest'))
    if (method === 'cancel') return cancelBatch(c, deps, id)
    if (method === 'delete') return deleteBatch(c, deps, id)
    throw new ServeError('notFound', `Batches have no method ${method.slice(0, 40)}.`)
  })

  app.post('/auth_tokens', async (c) => {
    const fields = new Fields(await readBody(c, deps))
    const until = fields.string('expireTime')
    const seconds = until === undefined ? undefined : (Date.parse(until) - Date.now()) / 1000
    if (seconds !== undefined && !(seconds > 0)) throw invalid('expire_time', 'expire_time must be a time to come.')
    return c.json({ name: deps.liveTokens.create(c.env.scope.key, { uses: fields.int('uses', 1) ?? 1, seconds }) })
  })

  app.all('*', (c) => {
    const { path, method } = c.req
    if (elsewhere.test(path))
      throw new ServeError('unimplemented', `${path.slice(0, 80)} is not offered by a local server.`)
    throw new ServeError('notFound', `${method} ${path.slice(0, 80)} is not a path of this API.`)
  })
}

function modelMethod(c: ServeContext, deps: GeminiDeps): Response | Promise<Response> {
  const [id, method] = split(c.req.param('rest') ?? '')
  const handler = Object.hasOwn(modelMethods, method) ? modelMethods[method] : undefined
  if (handler) return handler(c, deps, id)
  if (/^(predict|predictLongRunning|generateImages|generateVideos|bidiGenerateContent)$/.test(method)) {
    throw new ServeError('unimplemented', `${method} is not offered by a local server.`)
  }
  throw new ServeError('notFound', `models/${id.slice(0, 80)} has no method ${method.slice(0, 40)}.`)
}

/** A name and the method behind its last colon. */
function split(rest: string): [id: string, method: string] {
  const at = rest.lastIndexOf(':')
  return at < 0 ? [rest, ''] : [rest.slice(0, at), rest.slice(at + 1)]
}
