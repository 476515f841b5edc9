// A run is a folder, OUT/NAME:
//
//   run.json       what was asked for, and (at the end) what came of it
//   metrics.jsonl  one object a step
//   routing.jsonl  what every router did, one object a step (written by train/)
//   report.html    the same to look at
//   provenance.jsonl  where each document of the corpus came from
//   checkpoint/    the model, the tokenizer and the state of training (written by train/)
//   checkpoints/   models of earlier saves, step-N each, where they are kept
//
// This file finds, names and lists such folders, and reads and writes run.json (aside and renamed, so a full
// disk leaves the old one). A run has the name of its folder, so that a copy or a renamed one is a run of its own.
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { LongSort, WorldTask } from '../data/index.ts'
import type { TrainingOptions } from '../train/index.ts'
import { didYouMean, isRecord, PolluxError } from '../util/index.ts'

/** Where runs lie when --out is not given. */
export const defaultOut = 'runs'

/** What a stage of `pollux lengthen` was asked to do beside the rest. */
export interface LengthenRequest {
  /** Name of the run before, and the folder of its checkpoint. */
  run: string
  checkpoint: string
  /** Factor on the positions of full layers, and base of their angles; default: as the config needs, as it is. */
  ropeFactor?: number
  ropeTheta?: number
  /** Shares of the steps. */
  shares: Record<LongSort, number>
}

/** What a run was asked to do: enough to go on with it. */
export interface RunRequest {
  /** What --data named; empty: the packages under node_modules. */
  data: string[]
  /** Train on the generated world instead of files; shares of its tasks, if not the usual ones. */
  world?: { mixture?: Partial<Record<WorldTask, number>> }
  /** Vary pictures and sounds each time they are read. */
  augment?: { picture: { mirror?: boolean } }
  /** Folder of media tokenizers to use. */
  mediaTokenizer?: string
  /** Pixels of a patch's side, and soft tokens a picture; default: the preset's. */
  patch?: number
  imageTokens?: number
  /** A stage that lengthens the context: where it goes on from, and how. */
  lengthen?: LengthenRequest
  /** Folder whose node_modules is read when --data named nothing. */
  dataRoot?: string
  preset: string
  depth: number
  /** What --routing said, as it was typed. */
  routing?: string
  /** Checkpoint folder of the dense run it began with. */
  upcycle?: string
  vocab: number
  seed: number
  /** Tokens a sequence, sequences a batch. */
  context: number
  batch: number
  horizon: TrainingOptions['horizon']
  optimizer: TrainingOptions['optimizer']
  compute: TrainingOptions['compute']
  learningRate: number
  matrixLearningRate: number
  checkpointEvery: number
  /** Keep the model of every save, without the state of training. */
  keepCheckpoints?: boolean
}

/** What a run came to. */
export interface RunOutcome {
  step: number
  tokens: number
  seconds: number
  lossBitsPerByte: number
  valBitsPerByte?: number
  tokensPerSecond: number
  parameters: number
  stopped: boolean
}

/** run.json. */
export interface RunRecord {
  pollux: string
  /** That of the folder when it was last written. */
  name: string
  createdAt: string
  request: RunRequest
  outcome?: RunOutcome
}

/** A run folder and what its run.json holds. */
export interface Run {
  name: string
  folder: string
  record: RunRecord
}

/** Paths inside a run folder. */
export function runPaths(folder: string) {
  return {
    record: join(folder, 'run.json'),
    metrics: join(folder, 'metrics.jsonl'),
    report: join(folder, 'report.html'),
    provenance: join(folder, 'provenance.jsonl'),
    checkpoint: join(folder, 'checkpoint'),
    kept: join(folder, 'checkpoints'),
    routing: join(folder, 'routing.jsonl'),
    routingPage: join(folder, 'routing.html'),
  }
}

/**
 * Runs under a folder, newest first, then by name. Folders without a readable run.json are passed over.
 *
 * @throws PolluxError when `out` is no folder or cannot be read
 */
export function listRuns(out: string): Run[] {
  if (!existsSync(out)) return []
  return entriesOf(out)
    .filter((entry) => entry.isDirectory())
    .map((entry) => readRun(join(out, entry.name)))
    .filter((run) => run !== undefined)
    .sort((a, b) => order(b.record.createdAt, a.record.createdAt) || order(a.name, b.name))
}

function entriesOf(out: string) {
  try {
    return readdirSync(out, { withFileTypes: true })
  } catch (cause) {
    throw badOut('read', out, cause)
  }
}

/** Throws unless runs can be made under `out`; makes nothing. */
export function checkOut(out: string): void {
  let folder = resolve(out)
  while (!existsSync(folder)) folder = dirname(folder)
  try {
    if (!statSync(folder).isDirectory()) throw Object.assign(new Error(`${folder} is a file`), { code: 'ENOTDIR' })
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw badOut('written', out, cause)
  }
}

function badOut(use: 'read' | 'written', out: string, cause: unknown): PolluxError {
  const { code = 'an error' } = cause as NodeJS.ErrnoException
  return new PolluxError(`--out: must be a folder that can be ${use}, got ${out} (${code})`, { cause })
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * The run of a name, or the newest one.
 *
 * @throws PolluxError that lists the runs there are
 */
export function findRun(out: string, name: string | undefined): Run {
  const runs = listRuns(out)
  const found = name === undefined ? runs[0] : runs.find((run) => run.name === name)
  if (found !== undefined) return found
  if (runs.length === 0) {
    throw new PolluxError(`run: must exist, got none under ${out}`, { hint: 'npx pollux train --minutes 2 makes one' })
  }
  const names = runs.map((run) => run.name)
  const nearest = didYouMean(name ?? '', names)
  const list = names.slice(0, 8).join(', ') + (names.length > 8 ? `, ... (${names.length} in all)` : '')
  throw new PolluxError(`run: must be one of those under ${out} (${list}), got ${JSON.stringify(name)}`, {
    hint: nearest === undefined ? 'npx pollux runs lists them' : `did you mean --run ${nearest}?`,
  })
}

/** Reads a run folder; undefined when it is not one. */
export function readRun(folder: string): Run | undefined {
  try {
    const record: unknown = JSON.parse(readFileSync(runPaths(folder).record, 'utf8'))
    if (!isRecord(record) || typeof record.createdAt !== 'string' || !isRecord(record.request)) return undefined
    const name = basename(folder)
    return { name, folder, record: { ...(record as unknown as RunRecord), name } }
  } catch {
    return undefined
  }
}

/** A JSON file's content. @throws PolluxError naming the file */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new PolluxError(`run: ${path} must be readable JSON, got: ${reason}`, { cause })
  }
}

/** Writes run.json, making the folder if need be. */
export function writeRun(run: Run): void {
  mkdirSync(run.folder, { recursive: true })
  writeAside(runPaths(run.folder).record, `${JSON.stringify(run.record, null, 2)}\n`)
}

/** Writes a file next to its place and renames it there: a failure leaves the old file whole. */
export function writeAside(path: string, text: string): void {
  const aside = `${path}.tmp`
  try {
    writeFileSync(aside, text)
    renameSync(aside, path)
  } catch (error) {
    rmSync(aside, { force: true })
    throw error
  }
}

/** True when something already stands at a path, empty folders excepted. */
export function isTaken(folder: string): boolean {
  if (!existsSync(folder)) return false
  return !statSync(folder).isDirectory() || readdirSync(folder).length > 0
}

const words =
  'amber aster birch brook cedar clover comet coral delta ember fern flint gale harbor hazel indigo iris jade ' +
  'juniper lark laurel linden lotus maple meadow mist nova oak olive onyx opal orchid pearl pine quartz raven ' +
  'reef river robin sage sierra slate sparrow spruce summit thistle tide topaz violet willow wren'

/** A free name like 2026-03-14-amber; words go round by the seconds of the day. */
export function freshName(out: string, now = new Date()): string {
  const list = words.split(' ')
  const day = now.toISOString().slice(0, 10)
  const start = Math.floor(now.getTime() / 1000) % list.length
  for (let i = 0; ; i++) {
    const round = Math.floor(i / list.length)
    const name = `${day}-${list[(start + i) % list.length]}${round > 0 ? `-${round + 1}` : ''}`
    if (!existsSync(join(out, name))) return name
  }
}
