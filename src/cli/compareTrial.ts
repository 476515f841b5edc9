// One training of a comparison, in its folder: trial.json when it is done, its checkpoint and metrics until then.
//
// A training that is stopped goes on from its checkpoint with the same bits. When it is done the checkpoint goes (a nano
// is 0.4 GB with its optimiser), unless another training begins from it.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { configFile, loadModel, type Model, type ModelConfig, upcycle } from '../model/index.ts'
import { memoryPool } from '../tensor/index.ts'
import {
  type BatchSource,
  checkpointFolder,
  medianOf,
  readRoutingRecord,
  routingRecordPath,
  type StepMetrics,
  summariseRouting,
  type TrainRequest,
  trainModel,
  type TrialResult,
} from '../train/index.ts'
import { isRecord, Rng } from '../util/index.ts'
import type { CompareRequest } from './compareRequest.ts'
import { branchFrom, keepState } from './compareTrunk.ts'
import { appendMetrics, readMetrics, truncateMetrics } from './metricsLog.ts'
import { writeAside } from './runFolder.ts'

/** Minutes between saves of a training under way. */
const checkpointMinutes = 3
/** Steps that the training loss is a mean of. */
const lossSteps = 20

/** What a training depends on. */
export interface TrialSpec {
  contestant: string
  config: ModelConfig
  steps: number
  seed: number
  /** Factor on the preset's learning rates. */
  factor: number
  learningRate: number
  matrixLearningRate: number
  /** Validate on the way too, not only at the end. */
  curve: boolean
  /** Share of the steps spent warming up. Default that of trainings. */
  warmup?: number
  /** Keep the checkpoint. */
  keep?: boolean
  /** Keep the states after these steps, for others to go on from. */
  states?: readonly number[]
  /** Go on from the state that this training kept after so many steps, where there is one: a matter of time alone. */
  trunk?: { spec: TrialSpec; step: number }
  /** A finished training without experts whose checkpoint was kept: this one begins with its weights, upcycled. */
  from?: TrialSpec
}

/** What all trainings share. */
export interface TrialSetting {
  request: CompareRequest
  /** Folder of all trainings. */
  folder: string
  /** Of the corpus and its tokenizer. */
  fingerprint: string
  accumulation: number
  loader: (seed: number) => BatchSource
  validation?: () => BatchSource
  tokenizer: TrainRequest['tokenizer']
}

/** What makes trainings the same: everything they depend on, whoever asked for them. */
function trialHash(spec: TrialSpec, { request, fingerprint, accumulation }: TrialSetting): string {
  const { config, contestant: _name, keep: _keep, states: _states, trunk: _trunk, ...rest } = spec
  const { batch, context, optimizer, compute, evals, evalBatches } = request
  const setting = { batch, context, optimizer, compute, evals, evalBatches, fingerprint, accumulation }
  const text = JSON.stringify([rest, configFile(config, 'bf16'), setting])
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** Folder of a training: one that is there, under whatever name, or a new one with a name that can be read. */
export function trialFolder(spec: TrialSpec, setting: TrialSetting): string {
  const hash = trialHash(spec, setting)
  const known = readdirSync(setting.folder).find((name) => name.endsWith(`-${hash}`))
  if (known !== undefined) return join(setting.folder, known)
  const name = spec.contestant.replace(/[^\w.]+/g, '-')
  return join(setting.folder, `${name}-${spec.steps}-s${spec.seed}-x${Number(spec.factor.toPrecision(3))}-${hash}`)
}

/** The result of a training that is done; undefined otherwise. */
export function readTrial(folder: string): TrialResult | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(folder, 'trial.json'), 'utf8'))
    if (!isRecord(value) || !Array.isArray(value.curve)) return undefined
    const { finalBitsPerByte } = value as unknown as TrialResult
    // JSON has no Infinity: null stands for a training that diverged
    return { ...(value as unknown as TrialResult), finalBitsPerByte: finalBitsPerByte ?? Number.POSITIVE_INFINITY }
  } catch {
    return undefined
  }
}

/** Trains, or reads what was trained before; undefined when the signal stopped it (its checkpoint is saved). */
export async function runTrial(
  spec: TrialSpec,
  setting: TrialSetting,
  { signal, onStep }: { signal: AbortSignal; onStep?: (metrics: StepMetrics) => void },
): Promise<TrialResult | undefined> {
  const { request } = setting
  const folder = trialFolder(spec, setting)
  const checkpoint = checkpointFolder(folder)
  const done = readTrial(folder)
  if (done && (!spec.keep || existsSync(checkpoint))) return done
  mkdirSync(folder, { recursive: true })
  const metricsPath = join(folder, 'metrics.jsonl')
  const { trunk } = spec
  const begun = existsSync(join(checkpoint, 'training_state.json'))
  const resume =
    begun || (trunk !== undefined && (await branchFrom(trialFolder(trunk.spec, setting), trunk.step, folder)))
  const summary = await trainModel({
    config: spec.config,
    training: {
      horizon: { steps: spec.steps },
      batch: request.batch,
      time: request.context,
      accumulation: setting.accumulation,
      optimizer: request.optimizer,
      compute: request.compute,
      learningRate: spec.learningRate,
      matrixLearningRate: spec.matrixLearningRate,
      warmup: spec.warmup,
      seed: spec.seed,
      evalEvery: spec.curve ? Math.max(1, Math.round(spec.steps / request.evals)) : 0,
      evalBatches: request.evalBatches,
      checkpointMinutes,
    },
    initial: spec.from && !resume ? upcycled(spec, setting) : undefined,
    loader: await loaderOf(spec, setting),
    validation: setting.validation,
    tokenizer: setting.tokenizer,
    runFolder: folder,
    resume,
    signal,
    saveAt: spec.states,
    onCheckpoint: async (_, step) => {
      if (spec.states?.includes(step)) await keepState(folder, step)
    },
    onStart: ({ resumedFromStep }) => truncateMetrics(metricsPath, resumedFromStep),
    onStep(metrics) {
      appendMetrics(metricsPath, metrics)
      onStep?.(metrics)
    },
  })
  // the next model has other sizes: what this one held is not of use to it
  memoryPool.trim()
  if (summary.stopped) return undefined
  const steps = readMetrics(metricsPath)
  const pairs = request.batch * request.context * setting.accumulation * spec.config.top_k_experts
  const tokensPerStep = request.batch * request.context * setting.accumulation
  // without held-out text the training loss stands in for it
  const measured = summary.valBitsPerByte ?? summary.lossBitsPerByte
  const final = Number.isFinite(measured) ? measured : Number.POSITIVE_INFINITY
  const result: TrialResult = {
    contestant: spec.contestant,
    seed: spec.seed,
    steps: spec.steps,
    tokens: summary.tokens,
    factor: spec.factor,
    finalBitsPerByte: final,
    curve: [...validations(steps), { tokens: summary.tokens, bitsPerByte: final }],
    trainBitsPerByte: mean(steps.slice(-lossSteps).map(({ lossBitsPerByte }) => lossBitsPerByte)),
    secondsPerStep: medianOf(steps.map(({ tokensPerSecond }) => tokensPerStep / tokensPerSecond)),
    parameters: summary.parameters,
    activeParameters: summary.activeParameters,
    flopsPerToken: summary.flopsPerToken,
    routing: summariseRouting(readRoutingRecord(routingRecordPath(folder)), pairs),
    skippedSteps: summary.skippedSteps,
  }
  writeAside(join(folder, 'trial.json'), `${JSON.stringify(result, null, 1)}\n`)
  // what it began from is of no more use
  for (const each of [spec, spec.from]) if (each && (each !== spec || !spec.keep)) removeCheckpoint(each, setting)
  return result
}

function removeCheckpoint(spec: TrialSpec, setting: TrialSetting): void {
  rmSync(checkpointFolder(trialFolder(spec, setting)), { recursive: true, force: true })
}

/** The weights that a training begins with, from those of the one without experts. */
function upcycled({ config, from, seed }: TrialSpec, setting: TrialSetting): Model {
  const dense = loadModel(checkpointFolder(trialFolder(from!, setting)))
  const { num_experts: experts, top_k_experts: topK, moe_intermediate_size: width } = config
  return upcycle(dense, `experts=${experts},top-k=${topK},expert-width=${width}`, { rng: new Rng(seed) })
}

/** Batches of a seed, beyond those that the training it begins from has seen. */
async function loaderOf({ seed, from }: TrialSpec, setting: TrialSetting): Promise<BatchSource> {
  const loader = setting.loader(seed)
  const seen = (from?.steps ?? 0) * setting.accumulation
  for (let i = 0; i < seen; i++) await loader.next()
  return loader
}

/** Validations on the way; the one at the end is known from the summary. */
function validations(steps: readonly StepMetrics[]): TrialResult['curve'] {
  return steps
    .slice(0, -1)
    .filter(({ valBitsPerByte }) => valBitsPerByte !== undefined)
    .map(({ tokens, valBitsPerByte }) => ({ tokens, bitsPerByte: valBitsPerByte! }))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
