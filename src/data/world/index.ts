// The generated world: endless documents whose every question has an exact answer.
//
// Item i of a split is a pure function of (seed, split, task, i). Which side an item belongs to follows from what it is about
// (its signature): a tenth of all contents is held out and never generated for training, however long that lasts.
import { hash } from 'node:crypto'
import { Rng } from '../../util/index.ts'
import type { MediaPart } from '../mediaPart.ts'
import { isHeldOut } from '../heldOut.ts'
import { hashIntegers } from '../permutation.ts'
import { makeArithmetic } from './arithmetic.ts'
import { makeClip } from './clips.ts'
import { makeDigits, makeSay } from './digits.ts'
import { makeDraw, makeEdit } from './drawing.ts'
import { makeFact } from './facts.ts'
import { makeScene } from './questions.ts'
import { makePlay, makeTones } from './tones.ts'
import type { WorldItem, WorldMaker } from './types.ts'

const makers = {
  scene: makeScene,
  tones: makeTones,
  digits: makeDigits,
  clip: makeClip,
  draw: makeDraw,
  edit: makeEdit,
  play: makePlay,
  say: makeSay,
  arithmetic: makeArithmetic,
  facts: makeFact,
} satisfies Record<string, WorldMaker>

export type WorldTask = keyof typeof makers
export const worldTasks = Object.keys(makers) as WorldTask[]
export type WorldSplit = 'train' | 'test'

/** Share of the documents of each task when none is asked for. */
export const worldMixture: Record<WorldTask, number> = {
  scene: 0.66,
  tones: 0.06,
  digits: 0.08,
  clip: 0.07,
  draw: 0.03,
  edit: 0.05,
  play: 0.015,
  say: 0.015,
  arithmetic: 0.01,
  facts: 0.01,
}

/** Draws until an item of the right side comes; one in ten is, so this many never fail. */
const mostDraws = 1000

export interface WorldOptions {
  seed: number
  split: WorldSplit
  index: number
}

/** Item `index` of a task. */
export function worldItem(task: WorldTask, { seed, split, index }: WorldOptions): WorldItem {
  const test = split === 'test'
  const rng = new Rng(hashIntegers(seed, worldTasks.indexOf(task), test ? 1 : 0, index))
  for (let i = 0; i < mostDraws; i++) {
    const item = makers[task](rng, { seed, test })
    if (item.signature === null || isHeldOut(item.signature) === test) return item
  }
  throw new Error(`world: ${task} must have an item for ${split} within ${mostDraws} draws`)
}

/** A document for training, of the task given or one drawn from the mixture: media, then questions (not predicted) and answers. */
export function worldDocument(
  options: WorldOptions & { task?: WorldTask; mixture?: Partial<Record<WorldTask, number>> },
): { task: WorldTask; parts: MediaPart[] } {
  const task = options.task ?? drawTask(options)
  const { media, turns } = worldItem(task, options)
  const parts = turns.flatMap(({ question, answer }): MediaPart[] => [{ text: question, target: false }, answer])
  return { task, parts: [...media, ...parts] }
}

function drawTask(options: WorldOptions & { mixture?: Partial<Record<WorldTask, number>> }): WorldTask {
  const { seed, split, index, mixture = worldMixture } = options
  const entries = worldTasks.map((task): [WorldTask, number] => [task, mixture[task] ?? 0])
  const total = entries.reduce((sum, [, share]) => sum + share, 0)
  let rest = new Rng(hashIntegers(seed, 99, split === 'test' ? 1 : 0, index)).uniform() * total
  for (const [task, share] of entries) if ((rest -= share) < 0) return task
  return entries.findLast(([, share]) => share > 0)?.[0] ?? 'scene'
}

/** Something to ask of a model. */
export interface WorldQuestion {
  kind: string
  prompt: MediaPart[]
  /** The right answer: text, or for what is made a picture or sound that would do. */
  answer: MediaPart
  /** What a checker judges a picture or sound by. */
  truth?: unknown
}

/** The questions of an item, each on its own after the media. */
export function worldQuestions(task: WorldTask, options: WorldOptions): WorldQuestion[] {
  const { media, turns, truth } = worldItem(task, options)
  return turns.map(({ kind, question, answer }) => ({ kind, prompt: [...media, { text: question }], answer, truth }))
}

/** Changes when the documents of a seed and mixture do. */
export function worldFingerprint(seed: number, mixture: Partial<Record<WorldTask, number>> = worldMixture): string {
  return `world 2 ${seed} ${hash('sha256', JSON.stringify(mixture), 'hex').slice(0, 12)}`
}

export { judgeScene, readScene } from './readScene.ts'
export type { Wanted } from './drawing.ts'
export { readSaid } from './readSaid.ts'
export { readTones } from './readTones.ts'
export type { Scene, SceneObject } from './scene.ts'
