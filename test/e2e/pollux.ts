// Runs the real command in a child process, for end-to-end tests.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../bin/pollux.js', import.meta.url))

/** What a finished command left. */
export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
  /** Objects of stdout, for --json; throws when a line is not JSON. */
  objects(): Record<string, unknown>[]
}

export interface Options {
  cwd?: string
  env?: Record<string, string>
  /** A shell line put before the command, such as a limit: `ulimit -f 64`. */
  before?: string
  /** Called with all of stdout so far, whenever more comes. */
  onOutput?: (stdout: string, child: ChildProcess) => void
}

/** Runs `pollux ...args` to its end; on one thread, since test files run side by side. */
export function pollux(args: string[], { cwd, env, before, onOutput }: Options = {}): Promise<Outcome> {
  const command = before === undefined ? process.execPath : 'bash'
  const shell = before === undefined ? [] : ['-c', `${before}; exec "$0" "$@"`, process.execPath]
  const child = spawn(command, [...shell, bin, ...args], {
    cwd,
    env: { ...process.env, POLLUX_THREADS: '1', ...env },
    stdio: 'pipe',
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    onOutput?.(stdout, child)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      const lines = () => stdout.split('\n').filter((line) => line !== '')
      resolve({ code, stdout, stderr, objects: () => lines().map((line) => JSON.parse(line)) })
    })
  })
}

/** A few kilobytes of text that a tiny model can learn from. */
export function tinyText(paragraphs = 60): string {
  const words = 'the a fox dog hare hound sees chases finds slow quick brown old near under over river hill'.split(' ')
  let state = 7
  const next = (n: number) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state % n
  }
  const sentence = () => Array.from({ length: 6 + next(6) }, () => words[next(words.length)]).join(' ')
  return Array.from({ length: paragraphs }, () => `${sentence()}. ${sentence()}.\n`).join('\n')
}
