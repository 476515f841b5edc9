// Reads run folders for the studio: what runs there are, and their metrics as they grow. Nothing is written.
//
// A run may be in the middle of a step while it is read: the last line of metrics.jsonl counts only once its newline is there.
// A resumed run puts another file in the place of the old one; a mark of the file (inode and birth) tells readers to begin anew.
import { createReadStream, type Stats } from 'node:fs'
import { open, readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { isRecord, PolluxError } from '../../util/index.ts'
import type { LoadHistory, MetricsPage, MetricsRow, RunDetail, RunFigures, RunSummary } from './wire.ts'

/** A run that was written to this short a time ago, and has not ended since, counts as live. */
const liveMs = 120_000
const chunkBytes = 4 << 20

/** Runs under a folder, newest first; folders without a readable run.json are passed over. [] where there is no folder. */
export async function readRuns(folder: string): Promise<RunSummary[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  const runs = await Promise.all(names.map((name) => readRecord(folder, name).catch(() => undefined)))
  return runs
    .flatMap((run) => run?.summary ?? [])
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : a.name < b.name ? -1 : 1))
}

/** @throws PolluxError when there is no such run */
export async function readRunDetail(folder: string, name: string): Promise<RunDetail> {
  const { summary, request } = await readRecord(folder, name)
  const files = await readdir(join(folder, name))
  return {
    ...summary,
    request,
    config: await readJson(join(folder, name, 'checkpoint', 'config.json')),
    pages: files.filter((file) => /^[\w-]+\.html$/.test(file)).sort(),
  }
}

/** Path of a report of a run. @throws PolluxError when there is none of this name */
export async function pagePath(folder: string, name: string, file: string): Promise<string> {
  const { pages } = await readRunDetail(folder, name)
  if (!pages.includes(file)) throw new PolluxError(`runs: ${name} must have a page of this name, got ${file}`)
  return join(folder, name, file)
}

async function readRecord(
  folder: string,
  name: string,
): Promise<{ summary: RunSummary; request: Record<string, unknown> }> {
  const path = name !== '' && basename(name) === name && name !== '..' ? join(folder, name, 'run.json') : undefined
  const record = path === undefined ? undefined : await readJson(path)
  if (path === undefined || !isRecord(record?.request) || typeof record.createdAt !== 'string') {
    throw new PolluxError(`runs: must be a run under ${folder}, got ${JSON.stringify(name)}`)
  }
  const { request, createdAt } = record
  const metrics = await stat(join(folder, name, 'metrics.jsonl')).catch(() => undefined)
  const outcome = toFigures(record.outcome)
  const changedAt = metrics?.mtimeMs ?? 0
  const ended = outcome !== undefined && (await stat(path)).mtimeMs >= changedAt
  const summary = {
    name,
    createdAt,
    preset: typeof request.preset === 'string' ? request.preset : '',
    data: dataOf(request),
    bytes: metrics?.size ?? 0,
    changedAt,
    live: !ended && Date.now() - changedAt < liveMs,
    outcome,
  }
  return { summary, request }
}

function dataOf({ data, world }: Record<string, unknown>): string {
  if (world !== undefined) return 'world'
  return Array.isArray(data) && data.length > 0 ? data.map((path) => basename(String(path))).join(', ') : 'packages'
}

function toFigures(outcome: unknown): RunFigures | undefined {
  if (!isRecord(outcome)) return undefined
  const number = (key: string) => finite(outcome[key]) ?? 0
  return {
    step: number('step'),
    tokens: number('tokens'),
    seconds: number('seconds'),
    lossBitsPerByte: number('lossBitsPerByte'),
    valBitsPerByte: finite(outcome.valBitsPerByte) ?? undefined,
    tokensPerSecond: number('tokensPerSecond'),
    parameters: number('parameters'),
    stopped: outcome.stopped === true,
  }
}

/**
 * Rows of metrics.jsonl from a place on.
 *
 * @param from `next` of the page before; '' or a place in a file that is gone: all of them
 * @throws PolluxError when there is no such run
 */
export async function readMetricsPage(folder: string, name: string, from: string): Promise<MetricsPage> {
  await readRecord(folder, name)
  const path = join(folder, name, 'metrics.jsonl')
  const handle = await open(path).catch(() => undefined)
  if (handle === undefined) return { file: '', next: '', reset: true, rows: [], more: false }
  try {
    const info = await handle.stat()
    const file = markOf(info)
    const [mark, place] = from.split('@')
    const offset = Number(place)
    const goesOn = mark === file && Number.isInteger(offset) && offset >= 0 && offset <= info.size
    const start = goesOn ? offset : 0
    const { text, end } = await readLines(handle, start, info.size)
    const rows = text.split('\n').flatMap((line) => toRow(parseLine(line)) ?? [])
    return { file, next: `${file}@${end}`, reset: !goesOn, rows, more: end < info.size && end > start }
  } finally {
    await handle.close()
  }
}

function markOf({ ino, birthtimeMs }: Stats): string {
  return `${ino.toString(36)}-${Math.round(birthtimeMs).toString(36)}`
}

/** Whole lines from `start`, about `chunkBytes` of them. */
async function readLines(
  handle: Awaited<ReturnType<typeof open>>,
  start: number,
  size: number,
): Promise<{ text: string; end: number }> {
  for (let bytes = chunkBytes; ; bytes *= 2) {
    const buffer = Buffer.alloc(Math.min(bytes, size - start))
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, start)
    const end = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1
    // a line longer than the chunk: once more with a larger one
    if (end > 0 || start + buffer.length >= size) return { text: buffer.toString('utf8', 0, end), end: start + end }
  }
}

/** Loads of experts over a run at about `frames` of its steps, the first and the last among them. */
export async function readLoadHistory(folder: string, name: string, frames: number): Promise<LoadHistory> {
  await readRecord(folder, name)
  const kept: string[] = []
  let [stride, seen, last] = [1, 0, '']
  try {
    for await (const line of createInterface({ input: createReadStream(join(folder, name, 'metrics.jsonl')) })) {
      if (seen % stride === 0) kept.push(line)
      last = line
      seen++
      if (kept.length < 2 * frames) continue
      // every other one goes, and from now on half as many come
      for (let i = 0; 2 * i < kept.length; i++) kept[i] = kept[2 * i]
      kept.length = Math.ceil(kept.length / 2)
      stride *= 2
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  if (kept.at(-1) !== last && last !== '') kept.push(last)
  const steps = kept.map(parseLine).filter((step) => Array.isArray(step?.expertTokens) && finite(step.step) !== null)
  return {
    steps: steps.map((step) => step!.step as number),
    load: steps.map((step) => step!.expertTokens as number[][]),
  }
}

function parseLine(line: string): Record<string, unknown> | undefined {
  if (line === '') return undefined
  try {
    const value: unknown = JSON.parse(line)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

function toRow(step: Record<string, unknown> | undefined): MetricsRow | undefined {
  const number = finite(step?.step)
  if (step === undefined || number === null) return undefined
  return {
    step: number,
    tokens: finite(step.tokens) ?? 0,
    seconds: finite(step.secondsElapsed) ?? 0,
    loss: finite(step.lossBitsPerByte),
    validation: finite(step.valBitsPerByte),
    gradNorm: finite(step.gradNorm),
    learningRate: finite(step.learningRate),
    tokensPerSecond: finite(step.tokensPerSecond),
    mfu: finite(step.mfu),
    balance: finite(step.balance),
    done: finite(step.fractionDone),
  }
}

function finite(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

async function readJson(path: string): Promise<Record<string, unknown> | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}
