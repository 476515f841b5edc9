// Files of the studio, as built: nothing outside its folder, and index.html for /.
import { readFile, stat } from 'node:fs/promises'
import { extname, join, normalize, sep } from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.map': 'application/json',
}

/** A page of the studio may load nothing from elsewhere, and no other page may frame it. */
const policy =
  "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; " +
  "worker-src 'self' blob:; connect-src 'self'; frame-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** The file at a path; undefined where there is none. */
export async function staticFile(folder: string, path: string): Promise<Response | undefined> {
  const name = decoded(path)
  if (name === undefined) return undefined
  const file = join(folder, normalize(name === '/' ? '/index.html' : name))
  if (!file.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return undefined
  const type = types[extname(file)]
  if (type === undefined) return undefined
  try {
    if (!(await stat(file)).isFile()) return undefined
    const content = await readFile(file)
    // built names carry a hash of their content
    const cache = /[-.][A-Za-z0-9_-]{8,}\.\w+$/.test(file) ? 'public, max-age=31536000, immutable' : 'no-cache'
    return new Response(content, {
      headers: {
        'content-type': type,
        'cache-control': cache,
        'content-security-policy': policy,
        'x-content-type-options': 'nosniff',
      },
    })
  } catch {
    return undefined
  }
}

function decoded(path: string): string | undefined {
  try {
    const name = decodeURIComponent(path)
    return name.includes('\0') ? undefined : name
  } catch {
    return undefined
  }
}
