// The world's door: item i of a task and side is a pure function of (seed, split, task, i), so any worker can make any
// part of an endless corpus, a run resumes with one number, and a test set is a range of numbers.
import { didYouMean, PolluxError, Rng } from '../../util/index.ts'
import type { MediaPart } from '../mediaPart.ts'
import { hashIntegers } from '../permutation.ts'
import { arithmeticTask } from './arithmeticTask.ts'
import { clipTask } from './clipTask.ts'
import { planOf } from './contentSplit.ts'
import { digitsTask, sayTask } from './digitTask.ts'
import { drawTask } from './drawTask.ts'
import { editTask } from './editTask.ts'
import { factsTask } from './factsTask.ts'
import { sceneTask } from './sceneTask.ts'
import { playTask, tonesTask } from './toneTask.ts'
import { worldTasks, type Task, type WorldQuestion, type WorldSplit, type WorldTask } from './types.ts'

// Plans differ from task to task; each is only ever handed back to the task that made it.
const tasks: Record<WorldTask, Task<unknown>> = {
  scene: sceneTask as Task<unknown>,
  tones: tonesTask as Task<unknown>,
  digits: digitsTask as Task<unknown>,
  clip: clipTask as Task<unknown>,
  draw: drawTask as Task<unknown>,
  edit: editTask as Task<unknown>,
  play: playTask as Task<unknown>,
  say: sayTask as Task<unknown>,
  arithmetic: arithmeticTask as Task<unknown>,
  facts: factsTask as Task<unknown>,
}

/** Shares of the tasks; any positive scale, and tasks left out do not occur. */
export type WorldMixture = Partial<Record<WorldTask, number>>

const defaultMixture: WorldMixture = {
  scene: 30,
  tones: 10,
  digits: 12,
  clip: 12,
  draw: 12,
  edit: 12,
  play: 3,
  say: 3,
  arithmetic: 3,
  facts: 3,
}

/**
 * A document for training: questions (`target` false) and answers about one content.
 *
 * @param options.seed a whole number: the world
 * @param options.index a whole number from 0
 * @param options.task default: drawn from the mixture
 * @param options.mixture default: every task, most of all scenes
 * @throws PolluxError for an unknown task or split, a seed or index that is no whole number, weights that sum to zero
 */
export function worldDocument(options: {
  seed: number
  split: WorldSplit
  index: number
  task?: WorldTask
  mixture?: WorldMixture
}): { task: WorldTask; parts: MediaPart[] } {
  const { seed, split, index } = options
  const task = options.task ?? drawTaskName(seed, split, index, options.mixture ?? defaultMixture)
  const rng = itemRng(seed, split, task, index)
  const plan = planOf(task, tasks[task], rng, split, seed)
  return { task, parts: tasks[task].document(plan, rng, split) }
}

/**
 * What can be asked about one content, each prompt by itself, with its exact answer.
 *
 * @param options as for `worldDocument`; ask those of split `test`
 */
export function worldQuestions(options: {
  seed: number
  split: WorldSplit
  index: number
  task: WorldTask
}): WorldQuestion[] {
  const { seed, split, index, task } = options
  const rng = itemRng(seed, split, task, index)
  const plan = planOf(task, tasks[task], rng, split, seed)
  return tasks[task].questions(plan, rng, split)
}

function itemRng(seed: number, split: WorldSplit, task: WorldTask, index: number): Rng {
  checkTask(task)
  return new Rng(hashIntegers(...sideOf(seed, split, index), 1 + worldTasks.indexOf(task)))
}

function drawTaskName(seed: number, split: WorldSplit, index: number, mixture: WorldMixture): WorldTask {
  Object.keys(mixture).forEach(checkTask)
  const weights = worldTasks.map((task) => mixture[task] ?? 0)
  const total = weights.reduce((a, b) => a + b)
  if (!(total > 0 && total < Infinity) || weights.some((weight) => weight < 0)) {
    throw new PolluxError(`world: weights of a mixture must be positive, got ${JSON.stringify(mixture)}`, {
      hint: 'give at least one task a weight above 0, for instance { scene: 1 }',
    })
  }
  let left = new Rng(hashIntegers(...sideOf(seed, split, index), 0)).uniform() * total
  const at = weights.findIndex((weight) => (left -= weight) < 0)
  return worldTasks[at < 0 ? weights.findLastIndex((weight) => weight > 0) : at]
}

function checkTask(task: string): void {
  if ((worldTasks as readonly string[]).includes(task)) return
  const near = didYouMean(task, worldTasks)
  throw new PolluxError(`world: task must be one of ${worldTasks.join(', ')}, got '${task}'`, {
    hint: near === undefined ? `say for instance '${worldTasks[0]}'` : `did you mean '${near}'?`,
  })
}

function sideOf(seed: number, split: WorldSplit, index: number): [number, number, number] {
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(index) || seed < 0 || index < 0) {
    throw new PolluxError(`world: seed and index must be whole numbers from 0, got ${seed} and ${index}`, {
      hint: 'for instance seed 0, index 0',
    })
  }
  if (split !== 'train' && split !== 'test') {
    throw new PolluxError(`world: split must be train or test, got '${String(split)}'`, { hint: "say 'test'" })
  }
  return [seed, split === 'train' ? 0 : 1, index]
}
