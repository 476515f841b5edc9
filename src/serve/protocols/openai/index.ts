// The OpenAI API: what the server mounts.
import type { Protocol } from '../../types.ts'
import { openaiError } from './errors.ts'
import { openaiRoutes } from './routes.ts'

export const openai: Protocol = { routes: openaiRoutes, error: openaiError }
