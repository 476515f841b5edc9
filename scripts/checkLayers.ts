// Fails when an import breaks the layer table (scripts/layers.ts); prints each as file:line.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFiles, root } from './files.ts'
import { checkNative, checkSource } from './layers.ts'

const files = projectFiles()
const sources = files.filter(
  (file) => /^(src|studio|bench|test|runs|examples|scripts)\/.*\.tsx?$/.test(file) && !file.endsWith('.d.ts'),
)
const native = files.filter((file) => /^native\/.*\.(cc|h)$/.test(file))
const violations = [
  ...sources.flatMap((file) => checkSource(file, readFileSync(join(root, file), 'utf8'))),
  ...native.flatMap((file) => checkNative(file, readFileSync(join(root, file), 'utf8'))),
]
for (const { file, line, message } of violations) console.error(`${file}:${line}: ${message}`)
if (violations.length > 0) process.exit(1)
console.log(`layers: ${sources.length} TypeScript and ${native.length} C++ files keep the order`)
