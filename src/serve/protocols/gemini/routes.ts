// Routes of the Gemini API.
import { ServeError } from '../../serveError.ts'
import type { ServeApp, ServeDeps } from '../../types.ts'

export function geminiRoutes(app: ServeApp, _deps: ServeDeps): void {
  app.all('*', (c) => {
    throw new ServeError('notFound', `${c.req.method} ${c.req.path} is not a path of this API.`)
  })
}
