// What the tasks of the generated world have in common: their names, the shape of a task, and turns of text.
import type { Rng } from '../../util/index.ts'
import type { Picture, Sound } from '../../media/index.ts'
import type { MediaPart } from '../mediaPart.ts'
import type { ClipPlan } from './clipTask.ts'
import type { Scene } from './scene.ts'
import type { Wanted } from './wanted.ts'

/** Every task of the world, in a fixed order: the place of a name is part of the seed of its items. */
export const worldTasks = [
  'scene',
  'tones',
  'digits',
  'clip',
  'draw',
  'edit',
  'play',
  'say',
  'arithmetic',
  'facts',
] as const
export type WorldTask = (typeof worldTasks)[number]
export type WorldSplit = 'train' | 'test'

/** What is known about the answer beyond its text; the fields present depend on the task. */
export interface WorldTruth {
  /** scene: what the picture shows; edit: what it shows before the edit. */
  scene?: Scene
  /** draw, edit: what a right picture shows, for `judgeScene`. */
  wanted?: Wanted
  /** draw, edit: the picture of training, one of the right ones. */
  picture?: Picture
  /** tones, play: names of the notes. */
  notes?: string[]
  /** digits, say: the digits. */
  digits?: number[]
  /** play, say: the sound of training. */
  sound?: Sound
  /** clip: what moves, where to, and what is heard. */
  clip?: ClipPlan
}

/** Something to ask. */
export interface WorldQuestion {
  /** What is asked for, such as `caption`, `color`, `motion`, `left of`. */
  kind: string
  /** Ends with the question. */
  prompt: MediaPart[]
  /** The exact text that should follow, with its newline; empty where a picture or sound should follow (see `truth`). */
  answer: string
  truth: WorldTruth
}

/** How one task makes items; `Plan` is the content of an item, before noise, jitter and phrasing. */
export interface Task<Plan> {
  /** Draws a content. `seed` is the seed of the world, for tasks whose world is drawn from it. */
  plan(rng: Rng, split: WorldSplit, seed: number): Plan
  /**
   * Names the content: equal contents have equal signatures. Undefined: so few of its kind that all are for training.
   * A task without this splits by its words, in `document` and `questions`.
   */
  signature?(plan: Plan): string | undefined
  document(plan: Plan, rng: Rng, split: WorldSplit): MediaPart[]
  questions(plan: Plan, rng: Rng, split: WorldSplit): WorldQuestion[]
}

/** A question that is read and not predicted. */
export function ask(question: string): MediaPart {
  return { text: `${question}\n`, target: false }
}

/** An answer that is predicted. */
export function answer(text: string): MediaPart {
  return { text: `${text}\n` }
}

/** One of `items`. */
export function pick<T>(items: readonly T[], rng: Rng): T {
  return items[rng.integer(items.length)]
}
