// The training loop: batches in, metrics out, a checkpoint beside it. Functions and callbacks, no flags.
//
// The schedule reads one number, progress in [0, 1]: steps done over steps in all, or seconds over seconds.
// With steps, a run that is stopped and resumed computes the same bits as one that is not; with minutes the
// clock decides, and what it decided is kept in the state.
import {
  activeParameters,
  flopsPerToken,
  type Model,
  type ModelConfig,
  type MultimodalConfig,
  newModel,
} from '../model/index.ts'
import { learningRateFactor, Optimizer } from '../nn/index.ts'
import { kernels } from '../native/index.ts'
import { PolluxError, Rng } from '../util/index.ts'
import { evaluate } from './evaluate.ts'
import { bitsPerByte } from './metrics.ts'
import { completeOptions } from './options.ts'
import { measurePeakGflops } from './peak.ts'
import { type Progress, type RunParts, restoreRun, savedOptions, saveRun } from './resume.ts'
import { RoutingRecord } from './routingRecord.ts'
import { SkipStep } from './skipStep.ts'
import { type StepResult, trainStep } from './step.ts'
import type { Batch, EvalMetrics, SavableTokenizer, StartInfo, StepMetrics, Summary, TrainRequest } from './types.ts'

/** Steps that the summary's loss and speed are a mean of. */
const summarySteps = 20

/** A run in memory: its parts, the request, and what is known of the machine. */
interface Run extends RunParts {
  request: TrainRequest
  info: StartInfo
  /** Null where it is switched off. */
  routing: RoutingRecord | null
  /** performance.now() that stands for zero seconds elapsed, earlier sessions included. */
  clockStart: number
  recent: StepMetrics[]
  lastSave: { step: number; seconds: number }
  lastEval?: EvalMetrics
  checkpoint?: string
}

/**
 * Trains a model to the end of its horizon, or until the signal stops it after the current step.
 *
 * Writes runFolder/checkpoint at the chosen intervals and at the end, if runFolder is given.
 *
 * @returns the summary of the run
 * @throws Error for options that cannot be, CheckpointError for a checkpoint that cannot be resumed
 */
export async function trainModel(request: TrainRequest): Promise<Summary> {
  const run = await startRun(request)
  try {
    return await trainToEnd(run)
  } finally {
    releaseRun(run)
  }
}

async function trainToEnd(run: Run): Promise<Summary> {
  const { request, progress, options } = run
  await request.onStart?.(run.info)
  while (!request.signal?.aborted && fractionDone(run) < 1) {
    const metrics = await oneStep(run)
    const { step } = progress
    if (options.evalEvery > 0 && step % options.evalEvery === 0) await runEval(run, metrics)
    await request.onStep?.(metrics)
    if (isCheckpointDue(run)) await save(run)
    // callbacks, signals and servers get their turn
    await new Promise((resolve) => setImmediate(resolve))
  }
  const stopped = fractionDone(run) < 1
  if (!stopped && run.lastEval?.step !== progress.step) await runEval(run)
  if (run.lastSave.step !== progress.step) await save(run)
  return summarise(run, stopped)
}

/** Gives the memory of model and optimiser back: nobody else holds them, and many runs may follow in one process. */
function releaseRun({ model, optimizer }: Run): void {
  for (const { parameter } of model.weights) parameter.release()
  for (const [, tensor] of optimizer.state()) tensor.release()
}

async function startRun(request: TrainRequest): Promise<Run> {
  const { runFolder, loader } = request
  const resume = request.resume === true
  if (resume && runFolder === undefined) throw new PolluxError('train: resume needs runFolder, got none')
  const saved = resume ? savedOptions(runFolder!) : {}
  const options = completeOptions({ ...saved, ...request.training })
  const model = newModel(modelConfig(request)).initialise(new Rng(options.seed))
  if (request.initial && !resume) copyWeights(request.initial, model)
  const { optimizer: kind, weightDecay, compute } = options
  const optimizer = new Optimizer(model.weights, { kind, weightDecay, compute })
  const progress: Progress = { step: 0, tokens: 0, skippedSteps: 0, secondsElapsed: 0, history: [] }
  const parts: RunParts = { model, optimizer, skipStep: new SkipStep(options.skipSigma), loader, options, progress }
  if (resume) await restoreRun(runFolder!, parts)
  const info = describe(parts)
  return {
    ...parts,
    request,
    info,
    routing: options.routingRecord ? new RoutingRecord(model.textConfig, { runFolder, fromStep: progress.step }) : null,
    clockStart: performance.now() - progress.secondsElapsed * 1000,
    recent: [],
    lastSave: { step: resume ? progress.step : -1, seconds: progress.secondsElapsed },
  }
}

/** @throws PolluxError when the models have other weights, by the first that differs */
function copyWeights(from: Model, to: Model): void {
  const given = new Map(from.weights.map(({ parameter }) => [parameter.name, parameter]))
  for (const { parameter } of to.weights) {
    const { name, shape } = parameter
    const source = given.get(name)
    if (source?.shape.join() !== shape.join()) {
      const got = source === undefined ? 'none' : `[${source.shape}]`
      throw new PolluxError(`train: the model to begin with must have ${name} [${shape}], got ${got}`)
    }
    parameter.data.set(source.data)
    parameter.touch()
  }
  // what no optimiser moves: state of routers, constants of layers
  const state = new Map(from.routers.flatMap(({ buffers }) => buffers.map(({ name, data }) => [name, data])))
  for (const { buffers } of to.routers) {
    for (const { name, data } of buffers) if (state.get(name)?.length === data.length) data.set(state.get(name)!)
  }
  const blocks = (model: Model) => ('text' in model ? model.text : model).blocks
  blocks(to).forEach((block, layer) => (block.layerScalar = blocks(from)[layer].layerScalar))
}

/** The config, with the tokenizer's end of text where it names none. */
function modelConfig({ config, tokenizer }: TrainRequest): ModelConfig | MultimodalConfig {
  if (!tokenizer) return config
  if ('text_config' in config) return { ...config, text_config: textConfig(config.text_config, tokenizer) }
  return textConfig(config, tokenizer)
}

function textConfig(config: ModelConfig, tokenizer: SavableTokenizer): ModelConfig {
  if (tokenizer.vocabSize > config.vocab_size) {
    const requirement = `at least the tokenizer's ${tokenizer.vocabSize}`
    throw new PolluxError(`train: config.vocab_size must be ${requirement}, got ${config.vocab_size}`)
  }
  return { ...config, eos_token_id: config.eos_token_id ?? tokenizer.eosId ?? null }
}

function describe({ model, options, progress }: RunParts): StartInfo {
  return {
    parameters: model.weights.reduce((sum, { parameter }) => sum + parameter.size, 0),
    activeParameters: activeParameters(model.textConfig),
    flopsPerToken: flopsPerToken(model.textConfig, options.time),
    peakGflops: measurePeakGflops(options.compute),
    isa: kernels.isa,
    threads: kernels.threads,
    resumedFromStep: progress.step,
  }
}

/** Share of the horizon that is done: what the schedule follows. */
function fractionDone({ options: { horizon }, progress, clockStart }: Run): number {
  if ('steps' in horizon) return horizon.steps === 0 ? 1 : progress.step / horizon.steps
  if ('minutes' in horizon) return Math.min(1, (performance.now() - clockStart) / 60_000 / horizon.minutes)
  return progress.step < horizon.progress.length ? Math.min(horizon.progress[progress.step], 1 - 1e-9) : 1
}

async function oneStep(run: Run): Promise<StepMetrics> {
  const { options, progress } = run
  const start = performance.now()
  const position = fractionDone(run)
  const factor = learningRateFactor(position, {
    warmup: options.warmup,
    decay: options.decay,
    final: options.finalLearningRate,
  })
  const rates = {
    learningRate: factor * options.learningRate,
    matrixLearningRate: factor * options.matrixLearningRate,
  }
  const batches: Batch[] = []
  for (let i = 0; i < options.accumulation; i++) batches.push(await run.loader.next())
  const result = trainStep(run, batches, { ...rates, progress: position })
  const end = performance.now()
  const tokens = options.batch * options.time * options.accumulation
  progress.step++
  progress.tokens += tokens
  progress.skippedSteps += result.skipped ? 1 : 0
  progress.history.push(position)
  progress.secondsElapsed = (end - run.clockStart) / 1000
  const metrics = stepMetrics(run, result, { ...rates, tokensPerSecond: (tokens / (end - start)) * 1000 })
  run.recent.push(metrics)
  if (run.recent.length > summarySteps) run.recent.shift()
  return metrics
}

function stepMetrics(
  run: Run,
  result: StepResult,
  rates: Pick<StepMetrics, 'learningRate' | 'matrixLearningRate' | 'tokensPerSecond'>,
): StepMetrics {
  const { progress, info } = run
  const { numBytes, targets, routers: _routers, ...rest } = result
  const routingAlerts = run.routing?.step(progress, result) ?? []
  return {
    step: progress.step,
    tokens: progress.tokens,
    lossBitsPerByte: bitsPerByte(result.loss * targets, numBytes),
    ...rest,
    ...rates,
    mfu: (rates.tokensPerSecond * info.flopsPerToken) / (info.peakGflops * 1e9),
    ...(routingAlerts.length > 0 ? { routingAlerts } : {}),
    secondsElapsed: progress.secondsElapsed,
    fractionDone: fractionDone(run),
  }
}

async function runEval(run: Run, metrics?: StepMetrics): Promise<void> {
  const { request, options, progress, model } = run
  if (!request.validation) return
  const { bitsPerByte: valBitsPerByte, loss: valLoss } = await evaluate(model, request.validation(), {
    ...options,
    batches: options.evalBatches,
  })
  run.lastEval = { step: progress.step, valBitsPerByte, valLoss, secondsElapsed: secondsNow(run) }
  if (metrics) metrics.valBitsPerByte = valBitsPerByte
  await request.onEval?.(run.lastEval)
}

function isCheckpointDue({ options, progress, lastSave, request }: Run): boolean {
  const { checkpointEvery, checkpointMinutes } = options
  if (request.saveAt?.includes(progress.step)) return true
  if (checkpointEvery > 0 && progress.step % checkpointEvery === 0) return true
  return checkpointMinutes > 0 && progress.secondsElapsed - lastSave.seconds >= checkpointMinutes * 60
}

async function save(run: Run): Promise<void> {
  const { request, progress } = run
  if (request.runFolder === undefined) return
  progress.secondsElapsed = secondsNow(run)
  run.checkpoint = await saveRun(request.runFolder, run, request)
  run.lastSave = { step: progress.step, seconds: progress.secondsElapsed }
  await request.onCheckpoint?.(run.checkpoint, progress.step)
}

function secondsNow({ clockStart }: Run): number {
  return (performance.now() - clockStart) / 1000
}

function summarise(run: Run, stopped: boolean): Summary {
  const { progress, info, recent } = run
  const mean = (field: 'lossBitsPerByte' | 'tokensPerSecond' | 'mfu' | 'balance'): number =>
    recent.reduce((sum, metrics) => sum + metrics[field], 0) / recent.length
  return {
    ...info,
    step: progress.step,
    tokens: progress.tokens,
    seconds: secondsNow(run),
    lossBitsPerByte: mean('lossBitsPerByte'),
    valBitsPerByte: run.lastEval?.valBitsPerByte,
    tokensPerSecond: mean('tokensPerSecond'),
    mfu: mean('mfu'),
    balance: mean('balance'),
    skippedSteps: progress.skippedSteps,
    stopped,
    checkpoint: run.checkpoint,
  }
}
