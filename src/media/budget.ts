// How many tokens a picture or a sound takes, and the size a picture is brought to for it.
//
// Gemma 4's rule: a picture keeps its aspect ratio and is scaled, up as well as down, so that its area fills a
// budget of tokens; a token is one cell of `pooling` x `pooling` patches. Sides are rounded down to whole cells,
// so the budget is never exceeded. Sound takes one token per 40 ms, 25 a second.
import { PolluxError } from '../util/index.ts'

/** The budgets of Gemma 4, in tokens a picture. A model may choose others: `fitToBudget` takes any. */
export const pictureBudgets = [70, 140, 280, 560, 1120] as const

/** How a model cuts pictures. */
export interface PictureBudget {
  /** Side of a patch in pixels; Gemma 4: 16. */
  patchSize: number
  /** Patches a token has along each side; Gemma 4: 3. */
  pooling: number
  /** Most tokens a picture may take. */
  maxTokens: number
}

/**
 * The size to resize a picture to, and the tokens it then takes.
 *
 * Width and height are multiples of `patchSize * pooling`, and tokens = (width / cell) * (height / cell) <= maxTokens.
 * A picture so long and thin that one side rounds to nothing gets one cell there and
 * min(floor(aspect ratio), maxTokens) cells along the other side.
 * Throws unless every number is a whole one above 0.
 */
export function fitToBudget(
  size: { width: number; height: number },
  budget: PictureBudget,
): { width: number; height: number; tokens: number } {
  const { patchSize, pooling, maxTokens } = budget
  for (const [name, value] of Object.entries({ ...size, patchSize, pooling, maxTokens })) {
    if (typeof value === 'number' && (!Number.isSafeInteger(value) || value < 1))
      throw new PolluxError(`fitToBudget: ${name} must be a whole number above 0, got ${value}`)
  }
  const cell = patchSize * pooling
  const factor = Math.sqrt((maxTokens * cell * cell) / (size.width * size.height))
  let columns = Math.floor((factor * size.width) / cell)
  let rows = Math.floor((factor * size.height) / cell)
  if (columns === 0 && rows === 0) [columns, rows] = [1, 1]
  else if (rows === 0) [columns, rows] = [Math.min(Math.floor(size.width / size.height), maxTokens), 1]
  else if (columns === 0) [columns, rows] = [1, Math.min(Math.floor(size.height / size.width), maxTokens)]
  return { width: columns * cell, height: rows * cell, tokens: columns * rows }
}

/** Samples a second of the sound that a model reads. */
export const soundRate = 16_000

/** Samples of one token of sound: 40 ms. */
export const samplesPerToken = 640

/** Tokens of a sound of `seconds`: 25 a second, the last one padded. */
export function soundTokens(seconds: number): number {
  if (!(seconds >= 0) || !Number.isFinite(seconds))
    throw new PolluxError(`soundTokens: seconds must be a finite number from 0, got ${seconds}`)
  return Math.ceil(Math.round(seconds * soundRate) / samplesPerToken)
}

/** `mm:ss` of a time in seconds, rounded down; minutes go on past 59. */
export function timestamp(seconds: number): string {
  if (!(seconds >= 0) || !Number.isFinite(seconds))
    throw new PolluxError(`timestamp: seconds must be a finite number from 0, got ${seconds}`)
  const whole = Math.floor(seconds)
  return `${String(Math.floor(whole / 60)).padStart(2, '0')}:${String(whole % 60).padStart(2, '0')}`
}
