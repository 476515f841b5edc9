// Text for the tokenizer bench: whatever prose and code lies in this checkout's packages, to an exact size.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const TEXT_FILE = /(?:\.md|\.markdown|\.txt|\.d\.ts|\.[cm]?ts|\.[cm]?js|\.h|\.py)$/i
const LARGEST_FILE = 400_000

function* textFiles(folder: string): Generator<string> {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* textFiles(path)
    else if (entry.isFile() && TEXT_FILE.test(entry.name) && statSync(path).size <= LARGEST_FILE) yield path
  }
}

/** Text of a file, or undefined for what is minified, generated or no UTF-8. */
function readText(path: string): string | undefined {
  const text = readFileSync(path, 'utf8')
  const lines = text.split('\n').length
  return text.includes('\uFFFD') || text.length / lines > 120 || /\.min\./.test(path) ? undefined : text
}

/** Documents of `bytes` bytes in all: books where there are any, then files of the packages, spread over all of them. */
export function benchTexts(bytes: number): string[] {
  const books = join(root, '../shared/data/gutenberg-en')
  const paths = [...textFiles(join(root, 'node_modules'))]
  // A stride that visits files of all packages before it comes back; coprime to any count it does not divide.
  const spread = paths.map((_, i) => paths[(i * 7919) % paths.length])
  const texts: string[] = []
  let left = bytes
  for (const path of [...(existsSync(books) ? [...textFiles(books)] : []), ...spread]) {
    const text = readText(path)
    if (text === undefined || text.length === 0) continue
    const size = Buffer.byteLength(text)
    if (size > left) {
      texts.push(Buffer.from(text).subarray(0, left).toString('utf8').replaceAll('\uFFFD', ''))
      return texts
    }
    texts.push(text)
    left -= size
  }
  throw new Error(`bench bpe: needs ${bytes} bytes of text under node_modules, found ${bytes - left}\nhint: npm ci`)
}
