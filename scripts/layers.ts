// The layer table of the house, as data, and the rules that imports keep. checkLayers.ts applies them.
//
// A folder of src/ imports only folders on a lower line, and another folder only through its index.ts.
// What is run from outside (bench, test, runs, examples, scripts) uses src/ through the same doors.
import { dirname, join, normalize } from 'node:path/posix'
import ts from 'typescript'

/** Lines of the house, lowest first; folders on one line do not know each other. */
export const layers: readonly (readonly string[])[] = [
  ['util'],
  ['native'],
  ['tokenizer', 'media', 'tensor'],
  ['ops', 'parallel'],
  ['nn'],
  ['model'],
  ['inference', 'data'],
  ['train', 'safety'],
  ['evals'],
  ['posttrain'],
  ['serve'],
  ['cli'],
]

/** Test helpers: any test and bench may import them, no product code may. */
export const testingFolder = 'testing'

/** Folders of native/ whose files may include a header of another one. */
export const nativeIncludes: Readonly<Record<string, readonly string[]>> = {
  parallel: ['parallel'],
  kernels: ['kernels', 'parallel'],
  tokenizer: ['tokenizer', 'parallel', 'binding'],
  binding: ['binding', 'kernels', 'parallel', 'tokenizer'],
}

/** A rule that an import breaks. */
export interface Violation {
  file: string
  line: number
  message: string
}

const lineOf = new Map(layers.flatMap((folders, line) => folders.map((folder) => [folder, line] as const)))

/** The folder of src/ a path lies in, '' for a file directly in src/, undefined outside. */
function sourceFolder(path: string): string | undefined {
  const parts = path.split('/')
  if (parts[0] !== 'src') return undefined
  return parts.length > 2 ? parts[1] : ''
}

/** Specifiers of every static and dynamic import and re-export in a source text, with their line. */
export function importsOf(text: string): { specifier: string; line: number }[] {
  // the compiler's own scanner: text inside strings and comments is not taken for an import
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName, pos }) => ({
    specifier: fileName,
    line: text.slice(0, pos).split('\n').length,
  }))
}

/** The studio runs in a browser: of src/ it may know only these types. */
export const studioDoor = 'src/serve/studio/wire.ts'

/** Checks the imports of a file of studio/. */
function checkStudio(file: string, text: string): Violation[] {
  return importsOf(text).flatMap(({ specifier, line }) => {
    if (!specifier.startsWith('.')) return []
    const target = normalize(join(dirname(file), specifier))
    if (target.startsWith('studio/') || target === studioDoor) return []
    return [{ file, line, message: `studio/ imports of the project only types of ${studioDoor}, got '${specifier}'` }]
  })
}

/** Checks the imports of one TypeScript file; `file` is relative to the root, with slashes. */
export function checkSource(file: string, text: string): Violation[] {
  if (file.startsWith('studio/')) return checkStudio(file, text)
  const from = sourceFolder(file)
  const isTest = file.endsWith('.test.ts') || from === testingFolder
  const violations: Violation[] = []
  const report = (line: number, message: string) => violations.push({ file, line, message })
  if (from !== undefined && from !== '' && from !== testingFolder && !lineOf.has(from)) {
    report(1, `src/${from} is not in the layer table of scripts/layers.ts`)
    return violations
  }
  for (const { specifier, line } of importsOf(text)) {
    if (!specifier.startsWith('.')) continue
    const target = normalize(join(dirname(file), specifier))
    const to = sourceFolder(target)
    if (to === undefined) {
      if (from !== undefined && !isTest) report(line, `src/ imports nothing outside src/, got '${specifier}'`)
      continue
    }
    if (to === from) continue
    if (target !== `src/${to}/index.ts`) report(line, `import src/${to} through its index.ts, got '${specifier}'`)
    if (from === undefined || from === testingFolder) continue
    if (to === testingFolder) {
      if (!isTest) report(line, `src/testing is for tests and benches, got an import from src/${from}`)
      continue
    }
    const lower = lineOf.get(to)
    const own = lineOf.get(from)
    if (lower === undefined) report(line, `src/${to} is not in the layer table of scripts/layers.ts`)
    else if (own !== undefined && lower >= own)
      report(line, `src/${from} may not import src/${to}: it is not on a lower line`)
  }
  return violations
}

/** Checks the includes of one C++ file of native/: no Node headers in kernels/ and parallel/, no upward includes. */
export function checkNative(file: string, text: string): Violation[] {
  const folder = file.split('/')[1]
  const allowed = nativeIncludes[folder]
  if (allowed === undefined)
    return [{ file, line: 1, message: `native/${folder} is not in the table of scripts/layers.ts` }]
  const violations: Violation[] = []
  text.split('\n').forEach((row, index) => {
    const include = /^\s*#\s*include\s*[<"]([^>"]+)[>"]/.exec(row)?.[1]
    if (include === undefined) return
    const nodeHeader = /^(node|napi|v8|uv|js_native)/.test(include)
    const glue = folder === 'binding' || file.endsWith('/binding.cc')
    if (nodeHeader && !glue) {
      violations.push({ file, line: index + 1, message: `native/${folder} knows nothing of Node, got <${include}>` })
    }
    const target = include.includes('/') ? include.split('/')[0] : undefined
    if (target !== undefined && target in nativeIncludes && !allowed.includes(target)) {
      violations.push({ file, line: index + 1, message: `native/${folder} may not include native/${target}` })
    }
  })
  return violations
}
