// Which protocol a request speaks, and its path behind the version.
//
// Both APIs have /v1/models, /v1/files and /v1/batches, and mean different things. The key's header tells: Google's clients
// send x-goog-api-key (or ?key=), OpenAI's a bearer token.

export type ProtocolName = 'gemini' | 'openai'

export interface Route {
  protocol: ProtocolName
  /** Path behind the version, with one slash at its head and none doubled. */
  path: string
}

/** One slash where clients send several (the Live client connects to //ws/...), and none at the end. */
export function cleanPath(pathname: string): string {
  const path = pathname.replace(/\/{2,}/g, '/')
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

const openaiOnly =
  /^\/(chat|completions|responses|embeddings|audio|moderations|images|realtime|uploads|vector_stores|assistants|threads|fine_tuning|conversations)(\/|$)/
const shared = /^\/(models|files|batches)(\/|$)/

/** @param headers lower-case names */
export function routeOf(
  method: string,
  pathname: string,
  query: URLSearchParams,
  headers: Record<string, string | string[] | undefined>,
): Route {
  const path = cleanPath(pathname)
  const openai = /^(?:\/openai\/v1|\/v1(?:beta|alpha)?\/openai|\/openai)(\/.*|$)/.exec(path)
  if (openai) return { protocol: 'openai', path: openai[1] || '/' }
  const upload = /^\/upload(?:\/v1(?:beta|alpha)?)?(\/.*|$)/.exec(path)
  if (upload) return { protocol: 'gemini', path: `/upload${upload[1]}` }
  const [, version = '', behind = '/'] = /^(?:\/(v1|v1beta|v1alpha)(?=\/|$))?(\/.*)?$/.exec(path) ?? []
  if (version === 'v1beta' || version === 'v1alpha') return { protocol: 'gemini', path: behind }
  if (openaiOnly.test(behind)) return { protocol: 'openai', path: behind }
  const isShared = shared.test(behind) && !/:[A-Za-z]+$/.test(behind)
  if (!isShared) return { protocol: 'gemini', path: behind }
  return { protocol: protocolOfShared(method, version, query, headers), path: behind }
}

function protocolOfShared(
  method: string,
  version: string,
  query: URLSearchParams,
  headers: Record<string, string | string[] | undefined>,
): ProtocolName {
  const isGoogle = headers['x-goog-api-key'] !== undefined || headers['x-goog-api-client'] !== undefined
  if (isGoogle || query.has('key')) return 'gemini'
  const isBearer = /^bearer /i.test(String(headers.authorization ?? ''))
  if (isBearer || headers['x-stainless-lang'] !== undefined) return 'openai'
  if (method === 'POST' && /^multipart\/form-data/i.test(String(headers['content-type'] ?? ''))) return 'openai'
  // nothing tells: most who ask for /v1/models by hand mean OpenAI's list
  return version === 'v1' ? 'openai' : 'gemini'
}
