// From flags to a plan: a fresh run or the continuation of one, every value settled.
//
// A fresh run takes what is not given from the preset. A resumed run keeps everything it began with; only its
// length, how often it saves and where its corpus lies may be told anew.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { nodeModulesRoot, type WorldTask, worldTasks } from '../data/index.ts'
import {
  type ModelConfig,
  parseConfig,
  type Preset,
  type PresetName,
  preset,
  presetForDepth,
  recoverFolder,
  withRouting,
} from '../model/index.ts'
import { PolluxError } from '../util/index.ts'
import {
  checkOut,
  defaultOut,
  findRun,
  freshName,
  isTaken,
  readJsonFile,
  type Run,
  type RunRequest,
  runPaths,
} from './runFolder.ts'
import { UsageError } from './usage.ts'
import { version } from './version.ts'

/** Flags of `pollux train` as commander hands them over. */
export interface TrainFlags {
  data?: string[]
  preset?: PresetName
  depth?: number
  routing?: string
  upcycle?: string
  minutes?: number
  steps?: number
  run?: string
  resume?: boolean
  seed?: number
  batch?: number
  context?: number
  vocab?: number
  lr?: number
  optimizer?: RunRequest['optimizer']
  dtype?: 'bf16' | 'f32'
  checkpointEvery?: number
  keepCheckpoints?: boolean
  /** False: --no-routing-record. */
  routingRecord?: boolean
  out: string
  json?: boolean
  quiet?: boolean
  world?: boolean | string
  augment?: boolean | string
  mediaTokenizer?: string
  patch?: number
  imageTokens?: number
}

/** What is to be done. */
export interface TrainPlan {
  run: Run
  preset: Preset
  /** True when a checkpoint is there to go on from. */
  resume: boolean
}

const defaultMinutes = 5

/** Flags that a resumed run has settled, with how they are typed. */
const settled = {
  preset: '--preset',
  depth: '--depth',
  routing: '--routing',
  upcycle: '--upcycle',
  seed: '--seed',
  batch: '--batch',
  context: '--context',
  vocab: '--vocab',
  lr: '--lr',
  optimizer: '--optimizer',
  dtype: '--dtype',
  world: '--world',
  augment: '--augment',
  mediaTokenizer: '--media-tokenizer',
  patch: '--patch',
  imageTokens: '--image-tokens',
} as const

/**
 * Settles what the flags leave open.
 *
 * @throws UsageError for flags that contradict each other, PolluxError for a name that is taken or not there
 */
export function planTraining(flags: TrainFlags): TrainPlan {
  if (flags.minutes !== undefined && flags.steps !== undefined) {
    throw new UsageError('--minutes and --steps: must be given one at a time, got both')
  }
  if (flags.preset !== undefined && flags.depth !== undefined) {
    throw new UsageError('--preset and --depth: must be given one at a time, got both')
  }
  if (flags.world !== undefined && flags.data !== undefined) {
    throw new UsageError('--world and --data: must be given one at a time, got both')
  }
  return flags.resume ? planResume(flags) : planFresh(flags)
}

function planFresh(flags: TrainFlags): TrainPlan {
  checkOut(flags.out)
  const name = flags.run ?? freshName(flags.out)
  const folder = join(flags.out, name)
  if (isTaken(folder)) {
    throw new PolluxError(`train: --run must be a new name, got ${JSON.stringify(name)}, and ${folder} exists`, {
      hint: `${resumeCommand({ name }, flags.out)} goes on with it; or take another name`,
    })
  }
  if (flags.upcycle !== undefined) return planUpcycle(flags, { name, folder })
  const chosen = flags.depth === undefined ? preset(flags.preset ?? 'nano') : presetForDepth(flags.depth)
  checkRouting(flags.routing, chosen.config)
  const request = freshRequest(flags, chosen)
  const record = { pollux: version, name, createdAt: new Date().toISOString(), request }
  return { run: { name, folder, record }, preset: chosen, resume: false }
}

/** A fresh run that begins with the weights of a dense one, and with what that was asked for unless told. */
function planUpcycle(flags: TrainFlags, { name, folder }: Pick<Run, 'name' | 'folder'>): TrainPlan {
  for (const flag of ['preset', 'depth', 'vocab', 'world'] as const) {
    if (flags[flag] !== undefined) {
      throw new UsageError(`--upcycle: must come without --${flag}, which the dense run has settled, got both`)
    }
  }
  const source = findRun(flags.out, flags.upcycle)
  const before = source.record.request
  const { checkpoint } = runPaths(source.folder)
  if (before.world !== undefined || !existsSync(join(checkpoint, 'config.json'))) {
    throw new PolluxError(`train: --upcycle must name a run on text with a checkpoint, got "${source.name}"`)
  }
  const chosen = presetOf(before)
  const routing = flags.routing ?? `experts=${chosen.config.num_experts}`
  checkRouting(routing, parseConfig(readJsonFile(join(checkpoint, 'config.json'))))
  const request: RunRequest = {
    ...freshRequest({ context: before.context, batch: before.batch, ...flags, routing }, chosen),
    vocab: before.vocab,
    ...(flags.data === undefined ? { data: before.data, dataRoot: before.dataRoot } : {}),
    upcycle: resolve(checkpoint),
  }
  const record = { pollux: version, name, createdAt: new Date().toISOString(), request }
  return { run: { name, folder, record }, preset: chosen, resume: false }
}

/** Refuses a --routing that cannot be, before any work is done. */
function checkRouting(routing: string | undefined, config: ModelConfig): void {
  if (routing === undefined) return
  try {
    withRouting(config, routing)
  } catch (error) {
    if (!(error instanceof PolluxError)) throw error
    throw new UsageError(`--routing: ${error.message}`, error.hint)
  }
}

function freshRequest(flags: TrainFlags, chosen: Preset): RunRequest {
  const optimizer = flags.optimizer ?? 'muon'
  // under Muon --lr is the rate of matrices and the others keep their ratio to it
  const factor = flags.lr === undefined ? 1 : flags.lr / chosen.matrixLearningRate
  const isMuon = optimizer !== 'adamw'
  return {
    data: (flags.data ?? []).map((path) => resolve(path)),
    dataRoot: flags.data === undefined && flags.world === undefined ? nodeModulesRoot() : undefined,
    ...mediaRequest(flags),
    preset: chosen.name,
    depth: chosen.depth,
    ...(flags.routing === undefined ? {} : { routing: flags.routing }),
    vocab: flags.vocab ?? chosen.config.vocab_size,
    seed: flags.seed ?? 0,
    context: flags.context ?? chosen.time,
    batch: flags.batch ?? (flags.world === undefined ? chosen.batch : Math.ceil(chosen.batch / 2)),
    horizon: horizonOf(flags) ?? { minutes: defaultMinutes },
    optimizer,
    compute: flags.dtype ?? 'bf16',
    learningRate: isMuon ? chosen.learningRate * factor : (flags.lr ?? chosen.learningRate),
    matrixLearningRate: isMuon ? chosen.matrixLearningRate * factor : chosen.matrixLearningRate,
    checkpointEvery: flags.checkpointEvery ?? 0,
    ...(flags.keepCheckpoints ? { keepCheckpoints: true } : {}),
  }
}

/** What a run with media is asked for beside the rest. */
function mediaRequest({ world, augment, mediaTokenizer, patch, imageTokens }: TrainFlags): Partial<RunRequest> {
  return {
    ...(world === undefined ? {} : { world: world === true ? {} : { mixture: parseMixture(String(world)) } }),
    ...(augment === undefined ? {} : { augment: { picture: { mirror: augment === 'mirror' } } }),
    ...(mediaTokenizer === undefined ? {} : { mediaTokenizer: resolve(mediaTokenizer) }),
    ...(patch === undefined ? {} : { patch }),
    ...(imageTokens === undefined ? {} : { imageTokens }),
  }
}

/** `scene=2,draw=1` -> shares of the world's tasks; a name alone counts as 1. */
export function parseMixture(text: string): Partial<Record<WorldTask, number>> {
  const mixture: Partial<Record<WorldTask, number>> = {}
  for (const item of text.split(',')) {
    const [name, share = '1'] = item.split('=')
    const task = worldTasks.find((each) => each === name.trim())
    if (!task || !(Number(share) > 0)) {
      throw new UsageError(
        `--world: must be tasks with shares like scene=2,draw=1, got ${JSON.stringify(item)}`,
        `tasks are ${worldTasks.join(', ')}`,
      )
    }
    mixture[task] = Number(share)
  }
  return mixture
}

function planResume(flags: TrainFlags): TrainPlan {
  for (const [field, flag] of Object.entries(settled)) {
    const value = flags[field as keyof typeof settled]
    if (value !== undefined) {
      throw new UsageError(
        `${flag}: must stay as the run began, got ${flag} ${value} with --resume`,
        `leave ${flag} out, or start a new run without --resume`,
      )
    }
  }
  const run = findRun(flags.out, flags.run)
  const before = run.record.request
  const request: RunRequest = {
    ...before,
    data: flags.data?.map((path) => resolve(path)) ?? before.data,
    dataRoot: isDataRoot(before.dataRoot) ? before.dataRoot : undefined,
    horizon: horizonOf(flags) ?? before.horizon,
    checkpointEvery: flags.checkpointEvery ?? before.checkpointEvery,
    keepCheckpoints: flags.keepCheckpoints ?? before.keepCheckpoints,
  }
  refuseComplete(run, request)
  const { checkpoint } = runPaths(run.folder)
  recoverFolder(checkpoint)
  // a run that ended before its first save starts again, from the same request
  return {
    run: { ...run, record: { ...run.record, request } },
    preset: presetOf(before),
    resume: existsSync(checkpoint),
  }
}

/** The preset that a request names. */
export function presetOf({ preset: name, depth }: Pick<RunRequest, 'preset' | 'depth'>): Preset {
  return name === 'micro' || name === 'nano' ? preset(name) : presetForDepth(depth)
}

/** False when a run's checkout was moved or removed: node_modules is then looked for as in a fresh run. */
function isDataRoot(folder: string | undefined): boolean {
  return folder !== undefined && existsSync(join(folder, 'node_modules'))
}

/** Throws when a run has reached the end that it is now given. */
function refuseComplete({ name, record: { outcome } }: Run, { horizon }: RunRequest): void {
  if (outcome === undefined || 'progress' in horizon) return
  const isSteps = 'steps' in horizon
  if (isSteps ? outcome.step < horizon.steps : outcome.seconds < horizon.minutes * 60) return
  const done = isSteps ? `${outcome.step} steps` : `${(outcome.seconds / 60).toFixed(1)} minutes`
  const more = isSteps ? outcome.step * 2 : Math.ceil((outcome.seconds / 60) * 2)
  throw new PolluxError(`train: run "${name}" must have something left to do, got one complete at ${done}`, {
    hint: isSteps
      ? `--steps ${more} goes on to ${more} steps in all`
      : `--minutes ${more} goes on to ${more} minutes in all`,
  })
}

function horizonOf({ minutes, steps }: TrainFlags): RunRequest['horizon'] | undefined {
  if (steps !== undefined) return { steps }
  return minutes === undefined ? undefined : { minutes }
}

/** The command that goes on with a run. */
export function resumeCommand(run: Pick<Run, 'name'>, out: string): string {
  return `npx pollux train --resume --run ${run.name}${outFlag(out)}`
}

/** The command that lets a run write. */
export function sampleCommand(run: Pick<Run, 'name'>, out: string, prompt = '...'): string {
  return `npx pollux sample --run ${run.name}${outFlag(out)} --prompt ${JSON.stringify(prompt)}`
}

/** The command that asks a run of the generated world what it has learnt. */
export function evalCommand(run: Pick<Run, 'name'>, out: string): string {
  return `npx pollux eval --world --run ${run.name}${outFlag(out)}`
}

function outFlag(out: string): string {
  if (out === defaultOut) return ''
  return ` --out ${/[^\w./-]/.test(out) ? JSON.stringify(out) : out}`
}
