// Replacing a folder as one act: the new one is written aside, flushed, then renamed into place.
//
//   NAME          the good one, until the last moment
//   NAME.new      being written; removed if writing fails (a full disk, a thrown error) or was cut short
//   NAME.old      the previous one, until the new one stands in its place and is flushed
//
// A crash at any point leaves NAME, or NAME.old beside a complete NAME.new; `recoverFolder` settles the latter.
// A NAME.old that a crash left beside NAME is removed by the next replacement.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PolluxError } from '../util/index.ts'

/**
 * Fills a new folder and puts it in the place of `folder`.
 *
 * @param write fills the folder it is given; when it throws, `folder` stays as it was and the error is passed on
 */
export async function replaceFolder(folder: string, write: (aside: string) => void | Promise<void>): Promise<void> {
  recoverFolder(folder)
  const aside = `${folder}.new`
  rmSync(aside, { recursive: true, force: true })
  try {
    mkdirSync(aside, { recursive: true })
    await write(aside)
    for (const name of readdirSync(aside)) flush(join(aside, name))
    flush(aside)
  } catch (cause) {
    rmSync(aside, { recursive: true, force: true })
    throw new PolluxError(`checkpoint: cannot be written to ${folder} (the previous one, if any, is untouched)`, {
      cause,
    })
  }
  if (existsSync(folder)) {
    rmSync(`${folder}.old`, { recursive: true, force: true })
    renameSync(folder, `${folder}.old`)
  }
  renameSync(aside, folder)
  flush(dirname(folder))
  rmSync(`${folder}.old`, { recursive: true, force: true })
}

/** Puts the previous folder back if a crash fell between the two renames of `replaceFolder`. */
export function recoverFolder(folder: string): void {
  if (!existsSync(folder) && existsSync(`${folder}.old`)) renameSync(`${folder}.old`, folder)
}

/** Waits until a file or a folder's entries are on disk. */
function flush(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } catch (error) {
    // some systems cannot flush a folder; the rename is then as durable as they make it
    if (!['EPERM', 'EISDIR', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    closeSync(handle)
  }
}
