// The server under load: `pollux serve` as a user starts it, in a process of its own whose memory can be read from outside.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Decoder, parseConfig, presetForDepth, saveModel } from '../../src/model/index.ts'
import { trainTokenizer } from '../../src/tokenizer/index.ts'
import { Rng } from '../../src/util/index.ts'
import { benchTexts } from '../bpeText.ts'

export const contextTokens = 2048
/** Answers written at a time, and requests that may wait beside them. */
export const batch = 16
const queue = 48
/** Few enough pages that the prefix tree is full, and lets go of what it holds, after some seconds. */
const cacheGb = 0.032

export interface SoakServer extends AsyncDisposable {
  readonly url: string
  /** Resident bytes. */
  rss(): number
  /** Numbers of /metrics by name, summed over labels. */
  metrics(): Promise<Map<string, number>>
  /** What it wrote to stderr last. */
  readonly complaints: string
  /** How it ended; null while it runs. */
  readonly exitCode: number | null
}

/** A small model of experts with the weights it was drawn with, and a tokenizer that knows conversations. */
async function writeModel(folder: string): Promise<void> {
  const tokenizer = await trainTokenizer(benchTexts(1e6), { vocabSize: 2048 })
  const config = parseConfig({
    ...presetForDepth(2).config,
    ...{ vocab_size: tokenizer.vocabSize, max_position_embeddings: contextTokens },
  })
  mkdirSync(folder, { recursive: true })
  saveModel(folder, new Decoder(config).initialise(new Rng(1)))
  tokenizer.save(join(folder, 'tokenizer.json'))
  // says that it chats
  writeFileSync(join(folder, 'chat_template.jinja'), '<|turn>')
}

/** Starts it and waits until it listens. */
export async function startServer(): Promise<SoakServer> {
  const root = mkdtempSync(join(tmpdir(), 'pollux-soak-'))
  await writeModel(join(root, 'soak'))
  const args = [
    '--model',
    join(root, 'soak'),
    '--files',
    join(root, 'files'),
    '--port',
    '0',
    '--no-studio',
    '--log',
    'off',
  ]
  const limits = ['--batch', String(batch), '--queue', String(queue), '--cache-gb', String(cacheGb), '--drain', '5']
  // main.ts itself: the process that is started is the one that serves
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const child = spawn(process.execPath, [main, 'serve', ...args, ...limits], { stdio: ['ignore', 'pipe', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', (text) => (complaints = (complaints + String(text)).slice(-4000)))
  try {
    const url = await addressOf(child, () => complaints)
    return {
      url,
      rss: () => Number(readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ')[1]) * pageSize,
      metrics: async () => readMetrics(await (await fetch(`${url}/metrics`)).text()),
      get complaints() {
        return complaints
      },
      get exitCode() {
        return child.exitCode ?? (child.signalCode === null ? null : 1)
      },
      [Symbol.asyncDispose]: () => end(child, root),
    }
  } catch (error) {
    await end(child, root)
    throw error
  }
}

/** Linux on x86-64; on arm64 pages may be larger, and then only ratios hold. */
const pageSize = 4096

async function end(child: ChildProcess, root: string): Promise<void> {
  const ended = child.exitCode !== null || child.signalCode !== null
  const closed = ended || new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGTERM')
  await closed
  rmSync(root, { recursive: true, force: true })
}

function addressOf(child: ChildProcess, complaints: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stdout?.on('data', (text) => {
      said += String(text)
      const url = / at (http:\S+)/.exec(said)?.[1]
      if (url !== undefined) resolve(url)
    })
    child.once('exit', (code) => {
      reject(new Error(`soak: the server must start, got exit code ${code}: ${complaints()}`))
    })
  })
}

function readMetrics(text: string): Map<string, number> {
  const sums = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Za-z_:][\w:]*)(?:\{.*\})? (\S+)$/.exec(line) ?? []
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value))
  }
  return sums
}
