// The Gemini API: what the server mounts.
import type { Protocol } from '../../types.ts'
import { geminiError } from './error.ts'
import { geminiRoutes } from './routes.ts'

export const gemini: Protocol = { routes: geminiRoutes, error: geminiError }
