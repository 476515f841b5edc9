// Lines and long functions per folder; fails above the cap on a file. What grows without a reason shows here.
//
// File cap 800 lines, functions are listed above 80 (neither counts tables and generated files on the exempt list).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { projectFiles, root } from './files.ts'

const fileCap = 800
const functionCap = 80

/** Generated files and pure tables, each with its reason. */
const exempt: Readonly<Record<string, string>> = {}

interface FolderSize {
  files: number
  lines: number
  longest: number
  functions: number
}

/** Functions of a TypeScript source longer than the cap, outermost first. A vitest callback is not a function of ours. */
export function longFunctions(
  file: string,
  text: string,
  cap: number = functionCap,
): { name: string; line: number; lines: number }[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const found: { name: string; line: number; lines: number }[] = []
  const lineAt = (position: number) => source.getLineAndCharacterOfPosition(position).line + 1
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const line = lineAt(node.getStart())
      const lines = lineAt(node.end) - line + 1
      const name =
        node.name?.getText() ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : 'anonymous')
      if (lines > cap) found.push({ name, line, lines })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function folderOf(file: string): string {
  const parts = file.split('/')
  if (parts.length === 1) return '.'
  return parts.slice(0, parts[0] === 'src' || parts[0] === 'native' ? Math.min(2, parts.length - 1) : 1).join('/')
}

function main(): void {
  const folders = new Map<string, FolderSize>()
  const tooLong: string[] = []
  const notes: string[] = []
  for (const file of projectFiles().filter((name) => /\.(tsx?|js|cc|h|py|css|html)$/.test(name) && !(name in exempt))) {
    const text = readFileSync(join(root, file), 'utf8')
    const lines = text.split('\n').length - 1
    const size = folders.get(folderOf(file)) ?? { files: 0, lines: 0, longest: 0, functions: 0 }
    size.files += 1
    size.lines += lines
    size.longest = Math.max(size.longest, lines)
    if (lines > fileCap) tooLong.push(`${file}: ${lines} lines, the cap is ${fileCap}`)
    const long = /\.tsx?$/.test(file) && !file.endsWith('.test.ts') ? longFunctions(file, text) : []
    size.functions += long.length
    notes.push(...long.map((item) => `${file}:${item.line}: ${item.name} has ${item.lines} lines`))
    folders.set(folderOf(file), size)
  }
  console.log('folder                 files   lines  longest  functions over ' + functionCap)
  let total = 0
  for (const [folder, size] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) {
    total += size.lines
    const columns = [
      String(size.files).padStart(7),
      String(size.lines).padStart(8),
      String(size.longest).padStart(9),
      String(size.functions).padStart(11),
    ]
    console.log(folder.padEnd(21) + columns.join(''))
  }
  console.log(`total                        ${total}`)
  for (const note of notes) console.log(`note: ${note}`)
  for (const line of tooLong) console.error(line)
  if (tooLong.length > 0) process.exitCode = 1
}

if (import.meta.main) main()
