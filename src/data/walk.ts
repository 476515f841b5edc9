// Lists the files under a folder in a fixed order, without leaving it.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf } from './errors.ts'
import type { Ledger } from './ledger.ts'

/** Deeper than any real tree. */
const deepest = 64

/** Order by UTF-16 code units: the same on every machine and in every locale. */
export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * Regular files under a folder, depth first by name, as paths relative to it with '/'. Symbolic links are
 * not followed, so that a tree can neither loop nor lead outside; a folder that cannot be listed is noted.
 *
 * @param enters whether to go into a folder of this name
 */
export function* walkFiles(
  root: string,
  { ledger, enters }: { ledger: Ledger; enters: (name: string) => boolean },
): Generator<string> {
  yield* walk('', 0)

  function* walk(folder: string, depth: number): Generator<string> {
    const path = join(root, folder)
    if (depth > deepest) return ledger.reject(path, `folders must nest at most ${deepest} deep`)
    for (const entry of listFolder(path, ledger)) {
      const child = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) {
        if (enters(entry.name)) yield* walk(child, depth + 1)
      } else if (entry.isFile()) yield child
      else if (entry.isSymbolicLink()) ledger.skip('symbolic link')
    }
  }
}

/** Entries of a folder by name; none, and a note, when it cannot be read. */
export function listFolder(path: string, ledger: Ledger) {
  try {
    return readdirSync(path, { withFileTypes: true }).sort((a, b) => byName(a.name, b.name))
  } catch (error) {
    ledger.reject(path, reasonOf(error))
    return []
  }
}
