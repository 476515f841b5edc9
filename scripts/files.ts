// The tracked and new (not ignored) files of the checkout, for the checks that walk it.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Root of the checkout. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Paths relative to the root, with slashes, sorted; an unpacked archive without .git is walked instead. */
export function projectFiles(): string[] {
  const names = existsSync(join(root, '.git'))
    ? execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
        cwd: root,
        encoding: 'utf8',
      }).split('\0')
    : walk(root).map((path) => relative(root, path).split(sep).join('/'))
  return [...new Set(names)].filter((name) => name !== '' && existsSync(join(root, name))).sort()
}

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !['node_modules', 'build', '.git', 'coverage'].includes(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)]))
}
