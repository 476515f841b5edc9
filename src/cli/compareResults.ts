// From the trainings of a comparison to what is printed, written as JSON and drawn in compare.html.
import { arch, cpus, platform, totalmem } from 'node:os'
import type { TokenStream } from '../data/index.ts'
import { accountFor, flopsPerToken } from '../model/index.ts'
import { kernels } from '../native/index.ts'
import {
  type Interval,
  meanInterval,
  memoryUse,
  type Pace,
  paceRatio,
  type RoutingSummary,
  type TrialResult,
  type Tuned,
  verdict,
} from '../train/index.ts'
import type { AblatedModel, Contestant } from './comparePlan.ts'
import { type CompareRequest, type Comparison, comparePaths, resumeCompareCommand } from './compareRequest.ts'
import { bytes, count, decimals, short } from './format.ts'
import {
  type AblationRow,
  type CompareSummary,
  type ContestantRow,
  type Facts,
  renderComparePage,
} from './report/index.ts'
import { writeAside } from './runFolder.ts'

/** A model and all that was done with it. */
export interface ContestantResult extends Contestant {
  tuned: Tuned
  pace: Pace
  /** Full length, one a seed; and shorter ones. */
  trials: TrialResult[]
  shorter: TrialResult[]
}

/** An ablation: its trainings, and those of the unchanged model with the same seeds and steps. */
export interface AblationResult extends AblatedModel {
  trials: TrialResult[]
  baseTrials: TrialResult[]
  /** The unchanged model's, then its own. */
  pace: Pace[]
}

interface Finished {
  comparison: Comparison
  results: ContestantResult[]
  ablations: AblationResult[]
  streams: { train: TokenStream; heldOut: TokenStream }
  out: string
}

/** Sums up, writes compare.html, and words the result. */
export function finishComparison(finished: Finished): { report: string; summary: CompareSummary; lines: string[] } {
  const { comparison, out } = finished
  const summary = summarise(finished)
  const report = comparePaths(comparison.folder).report
  const page = renderComparePage({
    name: comparison.name,
    createdAt: comparison.createdAt,
    ...summary,
    tokensPerStep: tokensPerStep(comparison),
    setting: settingFacts(finished),
    machine: machineFacts(),
    commands: [
      resumeCompareCommand(comparison.name, out),
      `${resumeCompareCommand(comparison.name, out)} --ablate balance,top-k,experts`,
    ],
  })
  writeAside(report, page)
  return { report, summary, lines: [...wordSummary(summary), '', `  report  ${report}`] }
}

function tokensPerStep({ request, preset }: Comparison): number {
  return request.batch * request.context * preset.accumulation
}

function summarise({ comparison, results, ablations }: Finished): CompareSummary {
  const { request } = comparison
  const [sparse, ...others] = results
  return {
    contestants: results.map((result) => contestantRow(result, request.optimizer)),
    verdicts: others.map((other) =>
      verdict({
        sparse: sparse.trials,
        dense: other.trials,
        shorter: sparse.shorter,
        paceRatio: paceRatio(sparse.pace, other.pace),
      }),
    ),
    ablations: ablations.map((result) => ablationRow(result, sparse, request.context)),
  }
}

function contestantRow(result: ContestantResult, optimizer: CompareRequest['optimizer']): ContestantRow {
  const { name, label, config, trials, shorter, tuned, pace } = result
  const perSeed = trials.map(({ finalBitsPerByte }) => finalBitsPerByte)
  const [{ parameters, activeParameters, flopsPerToken: flops }] = trials
  return {
    ...{ name, label, bitsPerByte: meanInterval(perSeed), perSeed, parameters, activeParameters, flopsPerToken: flops },
    memory: memoryUse(config, optimizer),
    secondsPerStep: pace.secondsPerStep,
    secondsPerStepTraining: mean(trials.map(({ secondsPerStep }) => secondsPerStep)),
    ...{ factor: tuned.factor, tried: tuned.tried, routing: meanRouting(trials), trials, shorter },
  }
}

function ablationRow(result: AblationResult, sparse: ContestantResult, context: number): AblationRow {
  const { ablation, name, routing, config, trials, baseTrials, pace } = result
  return {
    ...{ ablation, name, routing },
    bitsPerByte: meanInterval(trials.map(({ finalBitsPerByte }) => finalBitsPerByte)),
    difference: meanInterval(trials.map((trial, i) => trial.finalBitsPerByte - baseTrials[i].finalBitsPerByte)),
    parameters: accountFor(config).parameters.total,
    flopsRatio: flopsPerToken(config, context) / flopsPerToken(sparse.config, context),
    paceRatio: paceRatio(pace[1], pace[0]),
    summary: meanRouting(trials),
  }
}

/** Means over trainings. */
function meanRouting(trials: readonly TrialResult[]): RoutingSummary | null {
  const all = trials.map(({ routing }) => routing).filter((routing) => routing !== null)
  if (all.length === 0) return null
  const of = (field: keyof RoutingSummary): number => mean(all.map((routing) => routing[field]))
  return {
    maxViolation: of('maxViolation'),
    entropy: of('entropy'),
    deadExperts: of('deadExperts'),
    experts: of('experts'),
    dropped: of('dropped'),
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function settingFacts({ comparison, streams }: Finished): Facts {
  const { request, preset } = comparison
  const tokens = request.steps * tokensPerStep(comparison)
  const epochs = tokens / streams.train.tokens.length
  return [
    ['preset', request.preset],
    ...(request.routing === '' ? [] : ([['routing', request.routing]] satisfies Facts)),
    ['text', request.data.length === 0 ? 'the packages under node_modules' : request.data.join(', ')],
    [
      'tokens trained on',
      `${short(tokens)} of ${short(streams.train.tokens.length)} (${epochs.toFixed(2)} times through)`,
    ],
    ['tokens held out', short(streams.heldOut.tokens.length)],
    [
      'of them validated on',
      short(Math.min(streams.heldOut.tokens.length, request.evalBatches * request.batch * request.context)),
    ],
    ['steps', `${count(request.steps)} of ${request.batch} x ${count(request.context)} tokens`],
    ['seeds', `${request.seeds}, from ${request.seed}`],
    ['optimizer', request.optimizer],
    ['arithmetic', request.compute],
    ['base rates', `Muon ${preset.matrixLearningRate}, AdamW ${Number(preset.learningRate.toPrecision(3))}`],
    ['sweep', request.tune.length > 1 ? `${count(request.tuneSteps)} steps each, a seed of its own` : 'none'],
  ]
}

function machineFacts(): Facts {
  return [
    ['processor', cpus()[0]?.model.trim() ?? 'unknown'],
    ['kernels', `${kernels.isa}, ${kernels.threads} threads`],
    ['memory', bytes(totalmem())],
    ['system', `${platform()} ${arch()}, Node ${process.versions.node}`],
  ]
}

/** `0.643 [0.601, 0.688]`; of one seed without an interval. */
export function wordInterval({ mean: value, low, high }: Interval, digits = 3): string {
  const text = decimals(value, digits)
  return Number.isFinite(low) ? `${text} [${decimals(low, digits)}, ${decimals(high, digits)}]` : `${text} (one seed)`
}

function wordSummary({ contestants, verdicts, ablations }: CompareSummary): string[] {
  const labels = new Map(contestants.map((row) => [row.name, row]))
  const models = contestants.map(
    (row) =>
      `  ${row.label.padEnd(22)} ${wordInterval(row.bitsPerByte, 4)} bits per byte, ` +
      `${short(row.parameters)} weights, ${short(row.activeParameters)} active, ${row.secondsPerStep.toFixed(3)} s a step`,
  )
  const words = verdicts.flatMap((each) => {
    const other = labels.get(each.against)!
    const beyond = each.outside.length > 0 ? `; seeds ${each.outside.join(', ')} beyond what was trained` : ''
    const outside = `${beyond}${each.isBound ? ', as far as a slope is carried on: a bound' : ''}`
    const step = each.seconds.mean / each.tokens.mean
    return [
      '',
      `  sparse against ${other.label}, ${each.seeds.length === 1 ? 'one seed' : `${each.seeds.length} seeds, 95% intervals`}`,
      `    bits per byte at equal tokens   ${wordInterval(each.atEqualTokens, 4)}`,
      `    tokens to its final loss        ${wordInterval(each.tokens)}  (by ${each.method}${outside})`,
      `    FLOPs to its final loss         ${wordInterval(each.flops)}`,
      `    seconds to its final loss       ${wordInterval(each.seconds)}  (a step takes ${step.toFixed(3)} times as long, in turns)`,
    ]
  })
  const changes = ablations.map(
    ({ name, difference, paceRatio, summary }) =>
      `    ${name.padEnd(20)} ${wordInterval(difference, 4)}, step x ${paceRatio.toFixed(2)}` +
      (summary === null ? '' : `, MaxVio ${decimals(summary.maxViolation, 2)}`),
  )
  return [
    ...models,
    ...words,
    ...(changes.length > 0 ? ['', '  ablations, bits per byte less the unchanged model', ...changes] : []),
  ]
}
