// A headless Chromium for tests of pages, where there is one: POLLUX_CHROMIUM, or the usual names on PATH.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

/** Path of a Chromium; undefined where none is found. */
export function findChromium(): string | undefined {
  const named = process.env.POLLUX_CHROMIUM
  if (named !== undefined && named !== '') return named
  const folders = (process.env.PATH ?? '').split(delimiter)
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(canRun)
}

function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export function openBrowser(executablePath: string): Promise<Browser> {
  // without a sandbox of its own: tests may run as root, where it refuses to start
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}
