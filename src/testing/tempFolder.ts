// A folder of files that lives as long as a block of a test.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface TempFolder extends Disposable {
  readonly path: string
  /** Path of a file in it. */
  file(name: string): string
}

/**
 * Makes a folder with these files; it is removed at the end of the block.
 *
 * @example using folder = tempFolder({ 'a.txt': 'one', 'sub/b.md': 'two' })
 */
export function tempFolder(files: Record<string, string | Uint8Array> = {}): TempFolder {
  const path = mkdtempSync(join(tmpdir(), 'pollux-'))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), content)
  }
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}
