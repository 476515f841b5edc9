// Runs a comparison: tunes rates, measures paces, trains everybody for every seed, and writes the report.
//
// Seeds are the outer loop and contestants the inner one, so a machine that slows down over hours slows all of them, and there
// is a report after each seed. Each training that is done is kept (compareTrial.ts): a second call with --resume finds it and goes on with the next.
import { existsSync, mkdirSync } from 'node:fs'
import { Loader, openCorpus, splitDocuments } from '../data/index.ts'
import { Tokenizer } from '../tokenizer/index.ts'
import { measurePeakGflops, type Tuned, tuneRate } from '../train/index.ts'
import type { CompareFlags } from './compare.ts'
import { ablate } from './compareAblate.ts'
import { pacesOf } from './comparePaces.ts'
import {
  ablatedModels,
  type Contestant,
  contestantsOf,
  fitConfig,
  plannedStages,
  printPlan,
  shorterLengths,
} from './comparePlan.ts'
import { type Comparison, comparePaths, resumeCompareCommand, writeComparison } from './compareRequest.ts'
import { type AblationResult, type ContestantResult, finishComparison } from './compareResults.ts'
import { seedsOf, type Session, specOf, Stopped, train, trainingFlops, workOf } from './compareSession.ts'
import { trialFolder, type TrialSetting } from './compareTrial.ts'
import { dropStates } from './compareTrunk.ts'
import { bytes } from './format.ts'
import { listenForInterrupt } from './interrupt.ts'
import { printJson } from './json.ts'
import { documentCount, makeTokenizer, tokenise } from './prepareRun.ts'
import { startStage } from './progress.ts'
import { openTerminal, silentTerminal, type Terminal } from './terminal.ts'

/** Seeds of the sweep lie away from those of the comparison. */
const tuneSeed = 1000

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
