// One training of a comparison, in its folder: trial.json when it is done, its checkpoint and metrics until then.
//
// A training that is stopped goes on from its checkpoint with the same bits. When it is done the checkpoint goes (a nano
// is 0.4 GB with its optimiser), unless another training begins from it.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { configFile, type ModelConfig } from '../model/index.ts'
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
import { isRecord } from '../util/index.ts'
import type { CompareRequest } from './compareRequest.ts'
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
  /** Keep the checkpoint. */
  keep?: boolean
  /** A finished training to begin from (an upcycled model), by its id. */
  from?: string
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

/** The name of a training's folder: readable, and different for whatever differs. */
export function trialId(spec: TrialSpec, { request, fingerprint, accumulation }: Omit<TrialSetting, 'loader'>): string {
  const { config, keep: _, ...rest } = spec
  const { batch, context, optimizer, compute, evals, evalBatches } = request
  const setting = { batch, context, optimizer, compute, evals, evalBatches, fingerprint, accumulation }
  const text = JSON.stringify([rest, configFile(config), setting])
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8)
  const name = spec.contestant.replace(/[^\w.]+/g, '-')
  return `${name}-${spec.steps}-s${spec.seed}-x${Number(spec.factor.toPrecision(3))}-${hash}`
}

/** The result of a training that is done; undefined otherwise. */
export function readTrial(folder: string): TrialResult | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(folder, 'trial.json'), 'utf8'))
    return isRecord(value) && typeof value.finalBitsPerByte === 'number' ? (value as unknown as TrialResult) : undefined
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
  const folder = join(setting.folder, trialId(spec, setting))
  const done = readTrial(folder)
  if (done) return done
  mkdirSync(folder, { recursive: true })
  const metricsPath = join(folder, 'metrics.jsonl')
  const checkpoint = checkpointFolder(folder)
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
      seed: spec.seed,
      evalEvery: Math.max(1, Math.round(spec.steps / request.evals)),
      evalBatches: request.evalBatches,
      checkpointMinutes,
    },
    loader: setting.loader(spec.seed),
    validation: setting.validation,
    tokenizer: setting.tokenizer,
    runFolder: folder,
    resume: existsSync(join(checkpoint, 'training_state.json')),
    signal,
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
  const final = summary.valBitsPerByte ?? summary.lossBitsPerByte
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
  if (!spec.keep) rmSync(checkpoint, { recursive: true, force: true })
  return result
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
