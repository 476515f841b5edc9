// A run is a folder, OUT/NAME:
//
//   run.json       what was asked for, and (at the end) what came of it
//   metrics.jsonl  one object a step
//   report.html    the same to look at
//   provenance.jsonl  where each document of the corpus came from
//   checkpoint/    the model, the tokenizer and the state of training (written by train/)
//
// This file finds, names and lists such folders, and reads and writes run.json (aside and renamed, so a full
// disk leaves the old one).
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TrainingOptions } from '../train/index.ts'
import { didYouMean, PolluxError } from '../util/index.ts'

/** Where runs lie when --out is not given. */
export const defaultOut = 'runs'

/** What a run was asked to do: enough to go on with it. */
export interface RunRequest {
  /** What --data named; empty: the packages under node_modules. */
  data: string[]
  preset: string
  depth: number
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
  }
}

/** Runs under a folder, newest first. Folders without a readable run.json are passed over. */
export function listRuns(out: string): Run[] {
  if (!existsSync(out)) return []
  const runs = readdirSync(out, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => readRun(join(out, entry.name)))
    .filter((run) => run !== undefined)
  return runs.sort((a, b) => (a.record.createdAt < b.record.createdAt ? 1 : -1))
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
    const record = JSON.parse(readFileSync(runPaths(folder).record, 'utf8')) as RunRecord
    if (typeof record.name !== 'string' || typeof record.request !== 'object') return undefined
    return { name: record.name, folder, record }
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
