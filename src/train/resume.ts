// Saving a run so that it goes on as if it had never stopped.
//
// The checkpoint folder is a Hugging Face model (bf16 weights, config, tokenizer) plus two files of ours:
//   training_state.safetensors   f32 master weights and optimiser moments
//   training_state.json          step, options, place in the data, spike window, progress of every step
// Both come from between two steps, so a resumed run computes the same bits. The folder is replaced as a whole.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CheckpointError,
  type Model,
  readSafetensors,
  recoverFolder,
  replaceFolder,
  saveAnyModel,
  type StoredTensor,
  writeSafetensors,
} from '../model/index.ts'
import type { Optimizer } from '../nn/index.ts'
import type { SkipStep, SkipStepState } from './skipStep.ts'
import type { BatchSource, TrainingOptions, TrainRequest } from './types.ts'

/** Layout of training_state.json; a file of another version is refused. */
const stateVersion = 1

/** Numbers of a run between two steps. */
export interface Progress {
  step: number
  tokens: number
  skippedSteps: number
  secondsElapsed: number
  /** Where in its horizon the run stood at each step: what the learning rates followed from. */
  history: number[]
}

/** The live parts of a run that a checkpoint holds. */
export interface RunParts {
  model: Model
  optimizer: Optimizer
  skipStep: SkipStep
  loader: BatchSource
  options: TrainingOptions
  progress: Progress
}

interface SavedState {
  version: number
  options: TrainingOptions
  progress: Progress
  optimizerStep: number
  skipStep: SkipStepState
  loader: unknown
}

/** Folder of a run's checkpoint. */
export function checkpointFolder(runFolder: string): string {
  return join(runFolder, 'checkpoint')
}

/** Writes the checkpoint of a run; the previous one stays until the new one is complete. Returns its folder. */
export async function saveRun(
  runFolder: string,
  run: RunParts,
  { tokenizer, saveBeside }: Pick<TrainRequest, 'tokenizer' | 'saveBeside'> = {},
): Promise<string> {
  const folder = checkpointFolder(runFolder)
  const state: SavedState = {
    version: stateVersion,
    options: run.options,
    progress: run.progress,
    optimizerStep: run.optimizer.step,
    skipStep: run.skipStep.state(),
    loader: run.loader.state(),
  }
  await replaceFolder(folder, async (aside) => {
    saveAnyModel(aside, run.model)
    await tokenizer?.save(join(aside, 'tokenizer.json'))
    await saveBeside?.(aside)
    const tensors = new Map<string, StoredTensor>()
    for (const [name, data, shape] of trainingArrays(run)) tensors.set(name, { dtype: 'F32', shape, data })
    writeSafetensors(join(aside, 'training_state.safetensors'), tensors)
    writeFileSync(join(aside, 'training_state.json'), `${JSON.stringify(state, null, 1)}\n`)
  })
  return folder
}

/** Options that a run was saved with, for going on with the same. */
export function savedOptions(runFolder: string): TrainingOptions {
  return readState(runFolder).options
}

/** Puts a saved run's state into its parts, `progress` included. */
export async function restoreRun(runFolder: string, run: RunParts): Promise<void> {
  const folder = checkpointFolder(runFolder)
  const state = readState(runFolder)
  const { tensors } = readSafetensors(join(folder, 'training_state.safetensors'))
  for (const [name, data, shape] of trainingArrays(run)) {
    const stored = tensors.get(name)
    if (!stored) {
      throw new CheckpointError(folder, `training state of ${name} is missing`, {
        hint: 'resume with the model and optimizer that the run was started with',
      })
    }
    if (stored.dtype !== 'F32' || stored.shape.join() !== shape.join()) {
      const got = `${stored.dtype} [${stored.shape}]`
      throw new CheckpointError(folder, `training state of ${name} must be F32 [${shape}], got ${got}`)
    }
    data.set(stored.data)
  }
  for (const { parameter } of run.model.weights) parameter.touch()
  run.optimizer.step = state.optimizerStep
  run.skipStep.restore(state.skipStep)
  await run.loader.restore(state.loader)
  Object.assign(run.progress, state.progress)
}

function* trainingArrays({ model, optimizer }: RunParts): Generator<[string, Float32Array, number[]]> {
  for (const { parameter } of model.weights) {
    yield [`master.${parameter.name}`, parameter.data, [...parameter.shape]]
  }
  for (const { buffers } of model.routers) {
    for (const { name, data } of buffers) yield [name, data, [data.length]]
  }
  for (const [name, tensor] of optimizer.state()) yield [name, tensor.floats, [...tensor.shape]]
}

function readState(runFolder: string): SavedState {
  const folder = checkpointFolder(runFolder)
  recoverFolder(folder)
  let state: SavedState
  try {
    state = JSON.parse(readFileSync(join(folder, 'training_state.json'), 'utf8')) as SavedState
  } catch (cause) {
    throw new CheckpointError(folder, 'there is no run to go on with', {
      hint: 'training_state.json could not be read; start without resume',
      cause,
    })
  }
  if (state?.version !== stateVersion) {
    throw new CheckpointError(folder, `training_state.json must have version ${stateVersion}, got ${state?.version}`)
  }
  checkState(state, folder)
  return state
}

/** Refuses a state whose numbers would train on as NaN or nothing; the loader checks its own part. */
function checkState({ options, progress, optimizerStep, skipStep }: SavedState, folder: string): void {
  const whole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
  const atLeast0 = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0
  const numbers = (value: unknown): boolean => Array.isArray(value) && value.every(Number.isFinite)
  const checks: [field: string, value: unknown, requirement: string, holds: (value: unknown) => boolean][] = [
    ['options', options, 'an object', (value) => typeof value === 'object' && value !== null],
    ['progress.step', progress?.step, 'a whole number of at least 0', whole],
    ['progress.tokens', progress?.tokens, 'a whole number of at least 0', whole],
    ['progress.skippedSteps', progress?.skippedSteps, 'a whole number of at least 0', whole],
    ['progress.secondsElapsed', progress?.secondsElapsed, 'a number of at least 0', atLeast0],
    ['progress.history', progress?.history, 'a list of numbers', numbers],
    ['optimizerStep', optimizerStep, 'a whole number of at least 0', whole],
    ['skipStep.losses', skipStep?.losses, 'a list of numbers', numbers],
    ['skipStep.gradNorms', skipStep?.gradNorms, 'a list of numbers', numbers],
  ]
  for (const [field, value, requirement, holds] of checks) {
    if (holds(value)) continue
    // a list may have a number for every step
    const got = Array.isArray(value) ? 'another list' : (JSON.stringify(value) ?? 'nothing')
    throw new CheckpointError(folder, `training_state.json: ${field} must be ${requirement}, got ${got}`)
  }
}
