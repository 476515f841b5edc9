// Options of training with their defaults, checked.
import { PolluxError } from '../util/index.ts'
import type { TrainingOptions } from './types.ts'

/** Defaults of everything but the horizon and the batch shape. */
export const defaultTrainingOptions: Omit<TrainingOptions, 'horizon' | 'batch' | 'time'> = {
  accumulation: 1,
  optimizer: 'muon',
  matrixLearningRate: 0.02,
  learningRate: 0.006,
  weightDecay: 0.1,
  clip: 1,
  warmup: 0.02,
  decay: 0.4,
  finalLearningRate: 0.05,
  skipSigma: 6,
  compute: 'bf16',
  residual: 'f32',
  activationCheckpointing: false,
  seed: 0,
  evalEvery: 0,
  evalBatches: 8,
  checkpointEvery: 0,
  checkpointMinutes: 0,
  routingRecord: true,
}

const counts = ['batch', 'time', 'accumulation', 'evalBatches'] as const
const shares = ['warmup', 'decay', 'finalLearningRate'] as const
const amounts = [
  'matrixLearningRate',
  'learningRate',
  'weightDecay',
  'clip',
  'skipSigma',
  'evalEvery',
  'checkpointEvery',
  'checkpointMinutes',
] as const

/** Fills defaults (`undefined` counts as left out) and refuses what cannot be trained with. */
export function completeOptions(
  given: Partial<TrainingOptions> & Pick<TrainingOptions, 'horizon' | 'batch' | 'time'>,
): TrainingOptions {
  const stated = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const options = { ...defaultTrainingOptions, ...stated } as TrainingOptions
  const check = (field: string, ok: boolean, requirement: string, got: unknown): void => {
    if (!ok) throw new PolluxError(`train: ${field} must be ${requirement}, got ${JSON.stringify(got)}`)
  }
  for (const field of counts) {
    check(
      field,
      Number.isInteger(options[field]) && options[field] >= 1,
      'a whole number of at least 1',
      options[field],
    )
  }
  for (const field of amounts) {
    check(field, Number.isFinite(options[field]) && options[field] >= 0, 'a number of at least 0', options[field])
  }
  for (const field of shares) {
    check(field, options[field] >= 0 && options[field] <= 1, 'from 0 to 1', options[field])
  }
  const { horizon } = options
  if ('steps' in horizon)
    check('steps', Number.isInteger(horizon.steps) && horizon.steps >= 0, 'a whole number', horizon.steps)
  else if ('minutes' in horizon) check('minutes', horizon.minutes > 0, 'above 0', horizon.minutes)
  else
    check(
      'progress',
      horizon.progress.every((p) => p >= 0 && p <= 1),
      'made of numbers from 0 to 1',
      horizon.progress,
    )
  return options
}
