// Ablations of a comparison: the sparse model with one thing changed.
import type { TrialResult } from '../train/index.ts'
import { pacesOf } from './comparePaces.ts'
import { type AblatedModel, withoutExperts } from './comparePlan.ts'
import type { AblationResult, ContestantResult } from './compareResults.ts'
import { seedsOf, type Session, specOf, train, type TrialLength } from './compareSession.ts'
import { readTrial, trialFolder } from './compareTrial.ts'

/** Ablations, each beside the unchanged model of equal steps. */
export async function ablate(session: Session, results: ContestantResult[]): Promise<AblationResult[]> {
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
