// What a model has learnt of the generated world: exact answers, and pictures and sounds judged from pixels and samples.
//
// Every item is of the held-out side: contents that training never has. Text counts when it is the one right answer, a picture
// when the geometry checker finds what was asked for and nothing else, notes when the tone checker hears them.
import {
  judgeScene,
  type MediaPart,
  readSaid,
  readTones,
  type Wanted,
  worldQuestions,
  type WorldQuestion,
  type WorldTask,
} from '../data/index.ts'
import type { Picture, Sound } from '../media/index.ts'
import { askPictures, askSounds, askText, type MediaAsker } from './mediaAsker.ts'

export interface WorldEvalOptions {
  seed: number
  /** Items asked about, by task. Default: `defaultWorldItems`. */
  items?: Partial<Record<WorldTask, number>>
  onProgress?: (task: string, done: number, total: number) => void
}

/** 200 prompts are what drawing is judged by; scenes have several questions each. */
export const defaultWorldItems: Record<WorldTask, number> = {
  ...{ scene: 200, tones: 100, digits: 100, clip: 100, draw: 200, edit: 200 },
  ...{ play: 40, say: 40, arithmetic: 100, facts: 100 },
}

/** How many answers of a kind were right. */
export interface KindScore {
  task: WorldTask
  kind: string
  right: number
  asked: number
}

/** An answer to look at or listen to. */
export interface WorldSample {
  task: WorldTask
  question: string
  input?: Picture
  picture?: Picture
  sound?: Sound
  right: boolean
  why: string
}

/** A text answer that was wrong. */
export interface WorldMistake {
  task: WorldTask
  question: string
  answer: string
  expected: string
}

export interface WorldScores {
  kinds: KindScore[]
  samples: WorldSample[]
  mistakes: WorldMistake[]
}

/** Asks about held-out items of every task that the model can answer. */
export async function evalWorld(asker: MediaAsker, options: WorldEvalOptions): Promise<WorldScores> {
  const scores: WorldScores = { kinds: [], samples: [], mistakes: [] }
  const items = { ...defaultWorldItems, ...options.items }
  for (const [task, count] of Object.entries(items) as [WorldTask, number][]) {
    const questions = Array.from({ length: count }, (_, index) =>
      worldQuestions(task, { seed: options.seed, split: 'test', index }),
    ).flat()
    if (questions.length === 0) continue
    const onProgress = (done: number, total: number): void => options.onProgress?.(task, done, total)
    const { answer } = questions[0]
    if ('picture' in answer) await judgePictures(asker, { task, questions, scores, onProgress })
    else if ('sound' in answer) await judgeSounds(asker, { task, questions, scores, onProgress })
    else await judgeTexts(asker, { task, questions, scores, onProgress })
  }
  return scores
}

interface Part {
  task: WorldTask
  questions: WorldQuestion[]
  scores: WorldScores
  onProgress: (done: number, total: number) => void
}

async function judgeTexts(asker: MediaAsker, { task, questions, scores, onProgress }: Part): Promise<void> {
  const prompts = questions.map(({ prompt }) => prompt)
  const answers = await askText(asker, prompts, { onProgress })
  questions.forEach(({ kind, answer, prompt }, i) => {
    const expected = textOf(answer).trim()
    const right = answers[i].trim() === expected
    count(scores.kinds, { task, kind, right })
    if (!right) scores.mistakes.push({ task, question: questionOf(prompt), answer: answers[i].trim(), expected })
  })
}

async function judgePictures(asker: MediaAsker, { task, questions, scores, onProgress }: Part): Promise<void> {
  const prompts = questions.map(({ prompt }) => prompt)
  const pictures = await askPictures(asker, prompts, { onProgress })
  questions.forEach(({ kind, prompt, truth }, i) => {
    const { right, why } = judgeScene(pictures[i], truth as Wanted)
    count(scores.kinds, { task, kind, right })
    const input = prompt.find((part) => 'picture' in part)?.picture
    scores.samples.push({ task, question: questionOf(prompt), input, picture: pictures[i], right, why })
  })
}

/** Notes and said digits are judged from the samples. */
async function judgeSounds(asker: MediaAsker, { task, questions, scores, onProgress }: Part): Promise<void> {
  const prompts = questions.map(({ prompt }) => prompt)
  const sounds = await askSounds(asker, prompts, { onProgress })
  const heard = sounds.map((sound) => (task === 'play' ? readTones(sound) : readSaid(sound)))
  questions.forEach(({ kind, prompt, truth }, i) => {
    const expected = (truth as unknown[]).join(' ')
    const right = heard[i].trim() === expected
    count(scores.kinds, { task, kind, right })
    scores.samples.push({
      task,
      question: questionOf(prompt),
      sound: sounds[i],
      right,
      why: right ? '' : heard[i].trim(),
    })
  })
}

function count(kinds: KindScore[], { task, kind, right }: { task: WorldTask; kind: string; right: boolean }): void {
  let score = kinds.find((each) => each.task === task && each.kind === kind)
  if (!score) kinds.push((score = { task, kind, right: 0, asked: 0 }))
  score.asked++
  if (right) score.right++
}

function textOf(part: MediaPart): string {
  return 'text' in part ? part.text : ''
}

function questionOf(prompt: MediaPart[]): string {
  return textOf(prompt.at(-1)!).trim()
}
