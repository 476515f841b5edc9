// What a comparison was asked to do, and its folder:
//
//   OUT/NAME/compare.json     this request
//            tokenizer.json   one for all
//            paces.json       seconds per step, measured in turns
//            trials/ID/       trial.json when a training is done; until then its checkpoint and metrics.jsonl
//            compare.html     the report
//
// A training is named by what it depends on, so an interrupted comparison goes on with what is missing, and one that is
// asked for more (seeds, horizons, ablations) trains only that.
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { nodeModulesRoot } from '../data/index.ts'
import { type Preset, type PresetName, preset, presetForDepth, presetNames, withRouting } from '../model/index.ts'
import type { ModelConfig } from '../model/index.ts'
import { type Ablation, ablations } from '../train/index.ts'
import { isRecord, PolluxError } from '../util/index.ts'
import type { CompareFlags } from './compare.ts'
import { checkOut, freshName, isTaken, writeAside } from './runFolder.ts'
import { UsageError } from './usage.ts'
import { version } from './version.ts'

/** compare.json without its head. */
export interface CompareRequest {
  /** What --data named; empty: the packages under dataRoot's node_modules. */
  data: string[]
  dataRoot?: string
  preset: string
  depth: number
  /** Changes of the sparse model's routing and sizes. */
  routing: string
  vocab: number
  batch: number
  context: number
  /** Of a full training. */
  steps: number
  /** Full trainings of each model; their seeds are seed, seed + 1, ... */
  seeds: number
  seed: number
  optimizer: 'muon' | 'muon-all' | 'adamw'
  compute: 'bf16' | 'f32'
  /** Factors on the preset's learning rates that are tried, and the steps of a try. */
  tune: number[]
  tuneSteps: number
  /** Lengths of the sparse model's shorter trainings, as shares of the steps. */
  horizons: number[]
  /** Also train a dense model of equal total size. */
  total: boolean
  ablate: Ablation[]
  ablateSteps: number
  ablateSeeds: number
  /** Validations of a training, and batches each. */
  evals: number
  evalBatches: number
}

export interface Comparison {
  name: string
  folder: string
  createdAt: string
  request: CompareRequest
  preset: Preset
  /** The sparse model before it is fitted to a tokenizer. */
  config: ModelConfig
}

/** Paths inside the folder of a comparison. */
export function comparePaths(folder: string) {
  return {
    record: join(folder, 'compare.json'),
    tokenizer: join(folder, 'tokenizer.json'),
    paces: join(folder, 'paces.json'),
    trials: join(folder, 'trials'),
    report: join(folder, 'compare.html'),
  }
}

const defaults = {
  steps: 600,
  seeds: 3,
  tune: [0.5, 1, 2],
  horizons: [0.4, 0.55, 0.7, 0.85],
  evals: 12,
  evalBatches: 16,
} as const

/** Flags that a comparison keeps once it has begun: other values would compare other things. */
const settled = {
  data: '--data',
  preset: '--preset',
  depth: '--depth',
  routing: '--routing',
  vocab: '--vocab',
  batch: '--batch',
  context: '--context',
  steps: '--steps',
  seed: '--seed',
  optimizer: '--optimizer',
  dtype: '--dtype',
  evals: '--evals',
  evalBatches: '--eval-batches',
} as const

/**
 * Settles what is to be compared. Writes nothing.
 *
 * @throws UsageError for flags that contradict each other, PolluxError for a name that is taken or not there
 */
export function planComparison(flags: CompareFlags): Comparison {
  if (flags.preset !== undefined && flags.depth !== undefined) {
    throw new UsageError('--preset and --depth: must be given one at a time, got both')
  }
  checkOut(flags.out)
  const comparison = flags.resume ? planResume(flags) : planFresh(flags)
  const { config } = comparison
  if (!config.enable_moe_block) {
    throw new UsageError('compare: the model must have experts, got a dense one', 'leave experts=0 out of --routing')
  }
  return comparison
}

function planFresh(flags: CompareFlags): Comparison {
  const name = flags.run ?? freshName(flags.out)
  const folder = join(flags.out, name)
  if (!flags.dryRun && isTaken(folder)) {
    throw new PolluxError(`compare: --run must be a new name, got ${JSON.stringify(name)}, and ${folder} exists`, {
      hint: `add --resume to go on with it, or take another name`,
    })
  }
  const chosen = flags.depth === undefined ? preset(flags.preset ?? 'nano') : presetForDepth(flags.depth)
  const steps = flags.steps ?? defaults.steps
  const tuneSteps = flags.tuneSteps ?? Math.max(1, Math.ceil(steps / 4))
  const request: CompareRequest = {
    data: (flags.data ?? []).map((path) => resolve(path)),
    ...(flags.data === undefined ? { dataRoot: nodeModulesRoot() } : {}),
    preset: chosen.name,
    depth: chosen.depth,
    routing: flags.routing ?? '',
    vocab: flags.vocab ?? chosen.config.vocab_size,
    batch: flags.batch ?? chosen.batch,
    context: flags.context ?? chosen.time,
    steps,
    seeds: flags.seeds ?? defaults.seeds,
    seed: flags.seed ?? 0,
    optimizer: flags.optimizer ?? 'muon',
    compute: flags.dtype ?? 'bf16',
    tune: [...(flags.tune ?? defaults.tune)],
    tuneSteps,
    horizons: [...(flags.horizons ?? defaults.horizons)],
    total: flags.total,
    ablate: flags.ablate ?? [],
    ablateSteps: flags.ablateSteps ?? steps,
    ablateSeeds: flags.ablateSeeds ?? flags.seeds ?? defaults.seeds,
    evals: flags.evals ?? defaults.evals,
    evalBatches: flags.evalBatches ?? defaults.evalBatches,
  }
  return { name, folder, createdAt: new Date().toISOString(), request, ...modelOf(request) }
}

function planResume(flags: CompareFlags): Comparison {
  if (flags.run === undefined) throw new UsageError('--resume: must come with --run NAME, got no name')
  for (const [field, flag] of Object.entries(settled)) {
    if (flags[field as keyof typeof settled] === undefined) continue
    throw new UsageError(`${flag}: must stay as the comparison began, got it with --resume`, `leave ${flag} out`)
  }
  const folder = join(flags.out, flags.run)
  const { createdAt, request: before } = readRecord(folder)
  const request: CompareRequest = {
    ...before,
    seeds: flags.seeds ?? before.seeds,
    tune: flags.tune ?? before.tune,
    tuneSteps: flags.tuneSteps ?? before.tuneSteps,
    horizons: flags.horizons ?? before.horizons,
    // --no-total leaves it out; there is no flag that says yes, so the record decides otherwise
    total: before.total && flags.total,
    ablate: flags.ablate ?? before.ablate,
    ablateSteps: flags.ablateSteps ?? before.ablateSteps,
    ablateSeeds: flags.ablateSeeds ?? before.ablateSeeds,
  }
  return { name: flags.run, folder, createdAt, request, ...modelOf(request) }
}

function modelOf(request: CompareRequest): Pick<Comparison, 'preset' | 'config'> {
  const isNamed = (presetNames as readonly string[]).includes(request.preset)
  const chosen = isNamed ? preset(request.preset as PresetName) : presetForDepth(request.depth)
  const config = withRouting(chosen.config, request.routing)
  return { preset: chosen, config: { ...config, vocab_size: request.vocab, max_position_embeddings: request.context } }
}

function readRecord(folder: string): Pick<Comparison, 'createdAt' | 'request'> {
  const { record: path } = comparePaths(folder)
  const refuse = (got: string): never => {
    throw new PolluxError(`compare: --resume must find a comparison, got ${got}`, {
      hint: 'leave --resume out to begin one',
    })
  }
  if (!existsSync(path) || !statSync(path).isFile()) return refuse(`no ${path}`)
  let record: unknown
  try {
    record = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return refuse(`${path}, which is not JSON`)
  }
  if (!isRecord(record) || !isRecord(record.request) || typeof record.createdAt !== 'string') {
    return refuse(`${path} without a request`)
  }
  const request = record.request as unknown as CompareRequest
  const ablate = request.ablate.filter((name) => ablations.includes(name))
  return { createdAt: record.createdAt, request: { ...request, ablate } }
}

/** Writes compare.json, making the folder if need be. */
export function writeComparison({ name, folder, createdAt, request }: Comparison): void {
  mkdirSync(folder, { recursive: true })
  writeAside(comparePaths(folder).record, `${JSON.stringify({ pollux: version, name, createdAt, request }, null, 2)}\n`)
}

/** The command that goes on with a comparison. */
export function resumeCompareCommand(name: string, out: string): string {
  return `npx pollux compare --resume --run ${name}${out === 'runs' ? '' : ` --out ${JSON.stringify(out)}`}`
}
