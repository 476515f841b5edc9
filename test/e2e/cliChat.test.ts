// `pollux chat` as a person meets it, in a pseudo-terminal, and as a script does, through a pipe.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { tempFolder } from '../../src/testing/index.ts'
import { pollux, tinyText } from './pollux.ts'

const bin = fileURLToPath(new URL('../../bin/pollux.js', import.meta.url))
const folder = tempFolder()

beforeAll(async () => {
  writeFileSync(folder.file('text.md'), tinyText())
  const train = ['train', '--data', 'text.md', '--preset', 'micro', '--context', '4096', '--batch', '1']
  const { code } = await pollux([...train, '--steps', '15', '--run', 'talks', '--quiet'], { cwd: folder.path })
  expect(code).toBe(0)
})
afterAll(() => folder[Symbol.dispose]())

/** Runs the command with lines on its standard input. */
function piped(input: string, args: string[] = []) {
  const command = [bin, 'chat', '--temperature', '0', '--tokens', '6', ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    ...{ cwd: folder.path, input, encoding: 'utf8' },
    env: { ...process.env, POLLUX_THREADS: '1' },
  })
  return { status, stdout, stderr }
}

describe('pollux chat through a pipe', () => {
  it('answers each line, also a last one without an end, and ends with the input', () => {
    const one = piped('the fox\n')
    expect([one.status, one.stderr]).toEqual([0, ''])
    expect(one.stdout.length).toBeGreaterThan(5)
    expect(piped('the fox')).toEqual(one)
    expect(piped('')).toEqual({ status: 0, stdout: '', stderr: '' })
    // the second answer knows the first
    const two = piped('the fox\nthe fox\n').stdout
    expect(two.startsWith(one.stdout)).toBe(true)
    expect(two.length).toBeGreaterThan(one.stdout.length)
  })

  it('writes no prompts, colours or figures', () => {
    const { stdout } = piped('the fox\n/help\n')
    expect(stdout).toBe(stripVTControlCharacters(stdout))
    expect(stdout).not.toMatch(/^> |tokens in/m)
    expect(stdout).toContain('/undo')
  })

  it('obeys commands: undo, system, save, new, exit', () => {
    const lines = ['the fox', 'the dog', '/undo', '/system be kind', '/save kept.json', '/new', '/save new.json']
    const { status, stdout } = piped(`${[...lines, '/nothing', '/exit', '/save late.json'].join('\n')}\n`)
    expect(status).toBe(0)
    expect(stdout).toContain('there is no /nothing')
    expect(stdout).not.toContain('late.json')
    const kept = JSON.parse(readFileSync(folder.file('kept.json'), 'utf8')) as Record<string, unknown>
    expect(kept).toMatchObject({
      model: 'talks',
      systemInstruction: { parts: [{ text: 'be kind' }] },
      contents: [{ role: 'user', parts: [{ text: 'the fox' }] }, { role: 'model' }],
    })
    expect((kept.contents as unknown[]).length).toBe(2)
    expect(JSON.parse(readFileSync(folder.file('new.json'), 'utf8'))).toMatchObject({ contents: [] })
  })

  it('ends with an error for what cannot be answered, and for a model that is not there', () => {
    const long = piped(`${'the fox sees a dog '.repeat(5000)}\n`)
    expect([long.status, long.stdout.trim()]).toEqual([1, ''])
    expect(long.stderr).toContain('exceeds the maximum number of tokens')
    expect(piped('the fox\n', ['--model', 'nobody']).status).toBeGreaterThan(0)
  })
})

/** A program in a pseudo-terminal of Python's, which passes on what comes over its pipes. */
const inTerminal = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
const hasTerminals = spawnSync('python3', ['-c', 'import os, pty; os.waitstatus_to_exitcode']).status === 0
if (!hasTerminals) process.stderr.write('chat: not tested in a terminal, no python3 with pty\n')

class Session {
  readonly ended: Promise<number | null>
  readonly #child: ChildProcess
  #text = ''
  #seen = 0

  constructor(args: string[]) {
    const command = [process.execPath, bin, 'chat', '--temperature', '0', ...args]
    this.#child = spawn('python3', ['-c', inTerminal, ...command], {
      cwd: folder.path,
      env: { ...process.env, POLLUX_THREADS: '1', TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.#text += text))
    this.ended = new Promise((resolve) => this.#child.on('close', resolve))
    onTestFinished(() => {
      this.#child.kill('SIGKILL')
    })
  }

  /** What is shown from where the last wait ended. */
  get news(): string {
    return stripVTControlCharacters(this.#text).slice(this.#seen)
  }

  /** Waits until something is shown, and gives what came before it. */
  async until(shown: RegExp): Promise<string> {
    await expect.poll(() => this.news, { timeout: 20_000, interval: 10 }).toMatch(shown)
    const { news } = this
    const { index, 0: found } = shown.exec(news)!
    this.#seen += index + found.length
    return news.slice(0, index)
  }

  type(keys: string): void {
    this.#child.stdin!.write(keys)
  }
}

const [interrupt, endOfInput] = ['\x03', '\x04']

describe.skipIf(!hasTerminals)('pollux chat in a terminal', () => {
  it('greets, streams an answer with its figures, helps, and ends with Ctrl-D', async () => {
    const session = new Session(['--tokens', '6'])
    await session.until(/talks, .*\/help lists what can be typed\.\s+> /)
    session.type('the fox\r')
    expect(await session.until(/6 tokens in [\d.]+ s, \d+ read \(\d+ known\)\s+> /)).toMatch(/the fox\s+\S/)
    session.type('/he\t')
    await session.until(/\/help/)
    session.type('\r')
    await session.until(/\/undo[^]*\/exit[^]*> /)
    session.type(endOfInput)
    expect(await session.ended).toBe(0)
    // the shell's own prompt stands on a line of its own
    expect(session.news).toMatch(/\n$/)
  })

  it('stops an answer with Ctrl-C, keeps what was written and goes on; at an empty prompt it asks again', async () => {
    const session = new Session(['--tokens', '4000'])
    await session.until(/> /)
    session.type('the fox\r')
    await session.until(/the fox\s+[^]{40}/)
    // typed into the answer, shown behind it
    session.type('/save stopped.json')
    session.type(interrupt)
    const rest = await session.until(/stopped\s+> \/save stopped\.json/)
    expect(rest).not.toContain('/save')
    session.type('\r')
    await session.until(/wrote stopped\.json\s+> /)
    const { contents } = JSON.parse(readFileSync(folder.file('stopped.json'), 'utf8')) as {
      contents: { parts: { text: string }[] }[]
    }
    expect(contents.length).toBe(2)
    expect(contents[1].parts[0].text.length).toBeGreaterThanOrEqual(30)
    session.type(`half a line${interrupt}/new\r`)
    await session.until(/a new conversation\s+> /)
    session.type(interrupt)
    await session.until(/Ctrl-C again ends[^\n]*\n[^]*> /)
    session.type(interrupt)
    expect(await session.ended).toBe(0)
  })
})
