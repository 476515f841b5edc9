// Builds the studio on first use in a checkout, where vite is installed; a published package brings studio/dist along.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Folder of the built studio, served at /. */
export const studioDist = fileURLToPath(new URL('../../../studio/dist', import.meta.url))
const studio = dirname(studioDist)

/**
 * 'ready': studio/dist is there and as new as its sources; 'built': it was made now; 'stale': it is older than its sources and
 * could not be made anew; 'missing': neither.
 */
export type StudioState = 'ready' | 'built' | 'stale' | 'missing'

/**
 * Sees to it that the studio can be served.
 *
 * @param say told what takes time, and why it failed, in one line
 */
export async function ensureStudio(say: (line: string) => void): Promise<StudioState> {
  const page = join(studioDist, 'index.html')
  const made = existsSync(page) ? statSync(page).mtimeMs : undefined
  if (made !== undefined && newestSource() <= made) return 'ready'
  const otherwise = made === undefined ? 'missing' : 'stale'
  const vite = vitePath()
  if (vite === undefined) {
    say('studio: not built, and vite, which builds it, is not installed (npm ci --include=dev)')
    return otherwise
  }
  say('studio: building it (first use, some seconds)')
  const { code, output } = await run([vite, 'build', studio, '--logLevel', 'warn'])
  if (code === 0) return 'built'
  say(`studio: the build failed, npm run build:studio shows why: ${output.trim().split('\n')[0]}`)
  return otherwise
}

/** Milliseconds since 1970 of the last change of a source; 0 where there are none. */
function newestSource(): number {
  const source = join(studio, 'src')
  if (!existsSync(source)) return 0
  const files = readdirSync(source, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.name.includes('.test.'),
  )
  const paths = files.map((entry) => join(entry.parentPath, entry.name))
  return Math.max(...[...paths, join(studio, 'index.html')].map((path) => statSync(path).mtimeMs))
}

function vitePath(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin/vite.js')
  } catch {
    return undefined
  }
}

function run(args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, args, { cwd: studio, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: null, output: error.message }))
    child.on('close', (code) => resolve({ code, output }))
  })
}
