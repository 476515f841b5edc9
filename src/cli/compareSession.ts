// A comparison under way: what all its stages share, and how one model is trained in it.
import type { TokenStream } from '../data/index.ts'
import { flopsPerToken, type ModelConfig } from '../model/index.ts'
import type { TrialResult } from '../train/index.ts'
import type { CompareFlags } from './compare.ts'
import { type AblatedModel, type Contestant, plannedStages } from './comparePlan.ts'
import type { Comparison } from './compareRequest.ts'
import { runTrial, type TrialSetting, type TrialSpec } from './compareTrial.ts'
import { count, decimals, duration } from './format.ts'
import { printJson } from './json.ts'
import { startStage } from './progress.ts'
import type { Terminal } from './terminal.ts'

/** A comparison under way. */
export interface Session {
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
export type TrialLength = Omit<TrialSpec, 'contestant' | 'config' | 'learningRate' | 'matrixLearningRate'>

/** How much there is to do and how fast it goes, in FLOPs of training. */
export interface Work {
  trainings: { done: number; planned: number }
  flops: { done: number; planned: number }
  /** What was trained in this session, not found done. */
  measured: { flops: number; seconds: number }
}

/** Something stopped the work; what is done is kept. */
export class Stopped extends Error {}

/** Trains one model to the end, showing it. @throws Stopped */
export async function train(
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

export function workOf(comparison: Comparison): Work {
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

export function trainingFlops({ request, preset }: Comparison, config: ModelConfig, steps: number): number {
  return steps * request.batch * request.context * preset.accumulation * flopsPerToken(config, request.context)
}

/** `3 of 27, about 41 min left`. */
function placeIn({ trainings, flops, measured }: Work): string {
  const left = ((flops.planned - flops.done) * measured.seconds) / measured.flops
  const time = Number.isFinite(left) && left > 1 ? `, about ${duration(left)} left` : ''
  return `${trainings.done} of ${trainings.planned}${time}`
}

export function specOf(
  { comparison }: Session,
  { name, config }: { name: string; config: ModelConfig },
  length: TrialLength,
): TrialSpec {
  const { learningRate, matrixLearningRate } = comparison.preset
  const { factor } = length
  const rates = { learningRate: learningRate * factor, matrixLearningRate: matrixLearningRate * factor }
  return { contestant: name, config, ...length, ...rates }
}

export function seedsOf(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}
