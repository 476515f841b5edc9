// Runs a comparison: tunes rates, measures paces, trains everybody for every seed, and writes the report.
//
// Seeds are the outer loop and contestants the inner one, so a machine that slows down over hours slows all of them, and there
// is a report after each seed. Each training that is done is kept (compareTrial.ts): a second call with --resume finds it and goes on with the next.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { Loader, openCorpus, splitDocuments, type TokenStream } from '../data/index.ts'
import { configFile, flopsPerToken, type ModelConfig } from '../model/index.ts'
import { Tokenizer } from '../tokenizer/index.ts'
import { measurePaces, measurePeakGflops, type Pace, type TrialResult, type Tuned, tuneRate } from '../train/index.ts'
import { isRecord } from '../util/index.ts'
import type { CompareFlags } from './compare.ts'
import {
  type AblatedModel,
  ablatedModels,
  type Contestant,
  contestantsOf,
  fitConfig,
  plannedStages,
  printPlan,
  shorterLengths,
  withoutExperts,
} from './comparePlan.ts'
import { type Comparison, comparePaths, resumeCompareCommand, writeComparison } from './compareRequest.ts'
import { type AblationResult, type ContestantResult, finishComparison } from './compareResults.ts'
import { dropStates } from './compareTrunk.ts'
import { readTrial, runTrial, trialFolder, type TrialSetting, type TrialSpec } from './compareTrial.ts'
import { bytes, count, decimals, duration } from './format.ts'
import { listenForInterrupt } from './interrupt.ts'
import { printJson } from './json.ts'
import { documentCount, makeTokenizer, tokenise } from './prepareRun.ts'
import { type Stage, startStage } from './progress.ts'
import { writeAside } from './runFolder.ts'
import { openTerminal, silentTerminal, type Terminal } from './terminal.ts'

/** Seeds of the sweep lie away from those of the comparison. */
const tuneSeed = 1000

/** A comparison under way. */
interface Session {
  comparison: Comparison
  flags: CompareFlags
  terminal: Terminal
  signal: AbortSignal
  setting: TrialSetting
  /** Fitted to the tokenizer. */
  contestants: Contestant[]
  ablated: AblatedModel[]
  streams: { train: TokenStream; heldOut: TokenStream }
  work: Work
}

/** What is asked of one training, beside the model. */
type TrialLength = Omit<TrialSpec, 'contestant' | 'config' | 'learningRate' | 'matrixLearningRate'>

/** How much there is to do and how fast it goes, in FLOPs of training. */
interface Work {
  trainings: { done: number; planned: number }
  flops: { done: number; planned: number }
  /** What was trained in this session, not found done. */
  measured: { flops: number; seconds: number }
}

/** Something stopped the work; what is done is kept. */
class Stopped extends Error {}

/** Compares as planned. Returns the exit code: 0, or that of the signal that stopped it. */
export async function runComparison(comparison: Comparison, flags: CompareFlags): Promise<number> {
  const terminal = terminalFor(flags)
  const { compute } = comparison.request
  if (flags.dryRun) {
    const peak = measurePeakGflops(compute)
    const seconds = printPlan(comparison, flags.json ? silentTerminal() : openTerminal(process.stdout), peak)
    if (flags.json) printJson({ event: 'plan', seconds, peakGflops: peak, stages: stagesOf(comparison) })
    return 0
  }
  using interrupt = listenForInterrupt((name) => {
    if (flags.quiet || flags.json) return
    terminal.line(`${name}: finishing the step and saving; once more quits at once`)
  })
  const session = await prepare(comparison, flags, terminal, interrupt.signal)
  try {
    await compareAll(session)
    return 0
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
    terminal.line(`stopped; ${resumeCompareCommand(comparison.name, flags.out)} goes on`)
    return interrupt.exitCode
  }
}

function terminalFor({ quiet, json }: CompareFlags): Terminal {
  if (quiet) return silentTerminal()
  if (!json) return openTerminal(process.stdout)
  return process.stderr.isTTY ? openTerminal(process.stderr) : silentTerminal()
}

function stagesOf(comparison: Comparison): Record<string, unknown>[] {
  return plannedStages(comparison).map(({ config: _, ...stage }) => stage)
}

async function prepare(
  comparison: Comparison,
  flags: CompareFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Session> {
  const { request, folder, preset } = comparison
  const paths = comparePaths(folder)
  const reading = startStage(terminal, 'reading corpus')
  const corpus = await openCorpus({ paths: request.data, root: request.dataRoot })
  reading.done(`${documentCount(corpus)}, ${bytes(corpus.bytes)}`)
  const split = splitDocuments(corpus.documents)
  const tokenizer = existsSync(paths.tokenizer)
    ? Tokenizer.load(paths.tokenizer)
    : await makeTokenizer(split, request.vocab, terminal)
  const shape = { batch: request.batch, time: request.context }
  const data = await tokenise(split, tokenizer, { ...shape, seed: request.seed }, terminal)
  writeComparison(comparison)
  mkdirSync(paths.trials, { recursive: true })
  if (!existsSync(paths.tokenizer)) tokenizer.save(paths.tokenizer)
  const config = fitConfig(comparison.config, tokenizer)
  const setting: TrialSetting = {
    request,
    folder: paths.trials,
    fingerprint: data.train.fingerprint,
    accumulation: preset.accumulation,
    loader: (seed) => new Loader(data.train, { ...shape, seed }),
    validation: data.validation,
    tokenizer,
  }
  return {
    ...{ comparison, flags, terminal, signal, setting, streams: data },
    contestants: contestantsOf(comparison, config),
    ablated: ablatedModels(request, config),
    work: workOf(comparison),
  }
}

async function compareAll(session: Session): Promise<void> {
  const { comparison, contestants, streams, flags, terminal } = session
  const { request } = comparison
  const tuned = new Map<string, Tuned>()
  for (const contestant of contestants) tuned.set(contestant.name, await tune(session, contestant))
  const paces = await pacesOf(
    session,
    'pace',
    contestants.map(({ config }) => config),
  )
  const results: ContestantResult[] = contestants.map((contestant, i) => ({
    ...contestant,
    tuned: tuned.get(contestant.name)!,
    pace: paces[i],
    trials: [],
    shorter: [],
  }))
  const finish = (ablations: AblationResult[]) =>
    finishComparison({ comparison, results, ablations, streams, out: flags.out })
  for (const seed of seedsOf(request.seed, request.seeds)) {
    await trainSeed(session, results, seed)
    // what is known so far can be looked at while the rest goes on
    finish([])
  }
  const { report, summary, lines } = finish(await ablate(session, results))
  if (flags.json) printJson({ event: 'done', run: comparison.name, report, ...summary })
  terminal.line()
  for (const line of lines) terminal.line(line)
}

/** Everybody at full length for one seed, and the sparse model's shorter trainings. */
async function trainSeed(session: Session, results: ContestantResult[], seed: number): Promise<void> {
  const { steps } = session.comparison.request
  const [sparse] = results
  const { lengths, states } = shorterLengths(session.comparison)
  for (const result of results) {
    const { factor } = result.tuned
    const length = { steps, seed, factor, curve: true, ...(result === sparse ? { states } : {}) }
    result.trials.push(await train(session, result, length))
  }
  const { factor } = sparse.tuned
  const longest = specOf(session, sparse, { steps, seed, factor, curve: true })
  for (const { shared, ...length } of lengths) {
    const trunk = shared > 0 ? { spec: longest, step: shared } : undefined
    sparse.shorter.push(await train(session, sparse, { ...length, seed, factor, curve: false, trunk }))
  }
  dropStates(trialFolder(longest, session.setting))
}

/** The contestant's own learning rate. */
async function tune(session: Session, contestant: Contestant): Promise<Tuned> {
  const { tune: grid, tuneSteps, seed } = session.comparison.request
  const tuned = await tuneRate(grid, async (factor) => {
    const trial = await train(session, contestant, { steps: tuneSteps, seed: seed + tuneSeed, factor, curve: false })
    return trial.finalBitsPerByte
  })
  const added = Math.max(0, tuned!.tried.length - grid.length)
  session.work.trainings.planned += added
  session.work.flops.planned += added * trainingFlops(session.comparison, contestant.config, tuneSteps)
  return tuned!
}

/** Trains one model to the end, showing it. @throws Stopped */
async function train(
  session: Session,
  model: { name: string; label: string; config: ModelConfig },
  length: TrialLength,
): Promise<TrialResult> {
  const { comparison, terminal, setting, signal, work, flags } = session
  const { factor, steps, seed } = length
  if (signal.aborted) throw new Stopped()
  const { label } = model
  const title = `${label}, seed ${seed}, ${count(steps)} steps, rates x ${Number(factor.toPrecision(3))}`
  const stage = startStage(terminal, title)
  const began = performance.now()
  let stepped = 0
  const trial = await runTrial(specOf(session, model, length), setting, {
    signal,
    onStep({ step, lossBitsPerByte, tokensPerSecond }) {
      stepped++
      stage.update(`step ${count(step)}  ${decimals(lossBitsPerByte)} bits/byte  ${count(tokensPerSecond)} tok/s`)
    },
  })
  if (trial === undefined) throw new Stopped()
  const flops = (ofSteps: number): number => trainingFlops(comparison, model.config, ofSteps)
  work.trainings.done++
  work.flops.done += flops(steps - (length.trunk?.step ?? 0))
  if (stepped > 0) {
    work.measured.flops += flops(stepped)
    work.measured.seconds += (performance.now() - began) / 1000
  }
  stage.done(`${decimals(trial.finalBitsPerByte, 4)} bits/byte, ${placeIn(work)}`)
  const { curve: _, ...figures } = trial
  if (flags.json) printJson({ event: 'training', ...figures })
  return trial
}

function workOf(comparison: Comparison): Work {
  const { request, config } = comparison
  const stages = plannedStages(comparison).filter(({ stage }) => stage !== 'pace')
  // ablations stand beside the unchanged model, which was trained already if it has as many steps
  const again = request.ablate.length > 0 && request.ablateSteps === request.steps ? request.ablateSeeds : 0
  const trainings = stages.reduce((sum, stage) => sum + stage.trainings, again)
  const flops = stages.reduce(
    (sum, stage) => sum + stage.trainings * trainingFlops(comparison, stage.config, stage.steps),
    again * trainingFlops(comparison, config, request.steps),
  )
  return {
    trainings: { done: 0, planned: trainings },
    flops: { done: 0, planned: flops },
    measured: { flops: 0, seconds: 0 },
  }
}

function trainingFlops({ request, preset }: Comparison, config: ModelConfig, steps: number): number {
  return steps * request.batch * request.context * preset.accumulation * flopsPerToken(config, request.context)
}

/** `3 of 27, about 41 min left`. */
function placeIn({ trainings, flops, measured }: Work): string {
  const left = ((flops.planned - flops.done) * measured.seconds) / measured.flops
  const time = Number.isFinite(left) && left > 1 ? `, about ${duration(left)} left` : ''
  return `${trainings.done} of ${trainings.planned}${time}`
}

/** Ablations, each beside the unchanged model of equal steps. */
async function ablate(session: Session, results: ContestantResult[]): Promise<AblationResult[]> {
  const { ablated, comparison } = session
  if (ablated.length === 0) return []
  const { ablateSteps, ablateSeeds, seed: first } = comparison.request
  const [sparse] = results
  const { factor } = sparse.tuned
  const done = ablated.map((model): AblationResult => ({ ...model, trials: [], baseTrials: [], pace: [] }))
  for (const result of done) {
    const { config } = result
    result.pace = await pacesOf(session, `pace: ${result.name}`, [sparse.config, config])
  }
  for (const seed of seedsOf(first, ablateSeeds)) {
    const base = await train(session, sparse, { steps: ablateSteps, seed, factor, curve: true })
    for (const result of done) {
      result.baseTrials.push(base)
      result.trials.push(await trainVariant(session, result, { steps: ablateSteps, seed, factor, curve: true }))
    }
  }
  return done
}

/** Trains an ablated model; an upcycled one in two parts. */
async function trainVariant(session: Session, model: AblatedModel, length: TrialLength): Promise<TrialResult> {
  const { name, config, upcycleAfter = 0 } = model
  const own = { name, label: name, config }
  const before = Math.round(upcycleAfter * length.steps)
  if (before === 0) return train(session, own, length)
  const label = `${name}: without experts`
  const part = { name: label, label, config: withoutExperts(config) }
  const first = { ...length, steps: before, curve: false, keep: true }
  const rest = { ...length, steps: length.steps - before, from: specOf(session, part, first) }
  // its checkpoint went when the second part was done
  const isDone = readTrial(trialFolder(specOf(session, own, rest), session.setting)) !== undefined
  if (isDone) session.work.trainings.done++
  else await train(session, part, first)
  return train(session, own, rest)
}

function specOf(
  { comparison }: Session,
  { name, config }: { name: string; config: ModelConfig },
  length: TrialLength,
): TrialSpec {
  const { learningRate, matrixLearningRate } = comparison.preset
  const { factor } = length
  const rates = { learningRate: learningRate * factor, matrixLearningRate: matrixLearningRate * factor }
  return { contestant: name, config, ...length, ...rates }
}

/** Seconds per step of models, in turns; measured once and kept. @throws Stopped */
async function pacesOf(session: Session, title: string, configs: readonly ModelConfig[]): Promise<Pace[]> {
  const { comparison, setting, signal, terminal } = session
  const { request, preset } = comparison
  const path = comparePaths(comparison.folder).paces
  const key = createHash('sha256').update(
    JSON.stringify([configs.map((config) => configFile(config, 'bf16')), request.batch, request.context]),
  )
  const name = key.digest('hex').slice(0, 16)
  const known = readPaces(path)
  if (known[name]) return known[name]
  const stage: Stage = startStage(terminal, title)
  const { batch, context: time, optimizer, compute } = request
  const { learningRate, matrixLearningRate } = preset
  const paces = await measurePaces(
    configs.map((config) => ({
      config,
      loader: setting.loader(request.seed),
      training: {
        ...{ batch, time, optimizer, compute, accumulation: setting.accumulation, learningRate, matrixLearningRate },
      },
    })),
    { signal, onTurn: (done) => stage.update(`in turns, ${Math.round(100 * done)}%`) },
  )
  if (paces === undefined) throw new Stopped()
  stage.done(`${paces.map(({ secondsPerStep }) => duration(secondsPerStep)).join(', ')} a step, in turns`)
  writeAside(path, `${JSON.stringify({ ...readPaces(path), [name]: paces }, null, 1)}\n`)
  return paces
}

function readPaces(path: string): Record<string, Pace[]> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isRecord(value) ? (value as Record<string, Pace[]>) : {}
  } catch {
    return {}
  }
}

function seedsOf(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}
