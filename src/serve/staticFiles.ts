// Files of the studio, as built: nothing outside its folder, and index.html for /.
import { existsSync } from 'node:fs'
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

/**
 * A page of the studio may ask its own server only, and no other page may frame it. Pictures and sound may also be data or
 * blobs, which the page makes itself; what scripts set on elements is no inline style to a browser.
 */
const policy =
  "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; object-src 'none'; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

const missing = `<!doctype html><meta charset="utf-8"><title>Pollux</title><h1>The studio is not built</h1>
<p>Run <code>npm run build:studio</code>, then load this page again. The APIs work without it.</p>`

/** The file at a path; undefined where there is none. */
export async function staticFile(folder: string, path: string): Promise<Response | undefined> {
  const name = decoded(path)
  if (name === undefined) return undefined
  const file = join(folder, normalize(name === '/' ? '/index.html' : name))
  if (name === '/' && !existsSync(file)) return new Response(missing, { status: 503, headers: headersOf('.html') })
  if (!file.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return undefined
  if (!(extname(file) in types)) return undefined
  try {
    if (!(await stat(file)).isFile()) return undefined
    const content = await readFile(file)
    // built names carry a hash of their content
    const cache = /[-.][A-Za-z0-9_-]{8,}\.\w+$/.test(file) ? 'public, max-age=31536000, immutable' : 'no-cache'
    return new Response(content, {
      headers: { ...headersOf(extname(file)), 'cache-control': cache },
    })
  } catch {
    return undefined
  }
}

function headersOf(extension: string): Record<string, string> {
  return {
    'content-type': types[extension],
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
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
