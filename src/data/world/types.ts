// What the makers of the generated world make: an item is some media and the turns of question and answer about them.
import type { Rng } from '../../util/index.ts'
import type { MediaPart } from '../mediaPart.ts'

/** A question about an item, and its one right answer. */
export interface WorldTurn {
  /** Name of the kind of question, for the tables of an eval: 'caption', 'color', 'notes', ... */
  kind: string
  /** Ends in a newline. */
  question: string
  /** Text that ends in a newline; or a picture or sound that is to be made. */
  answer: MediaPart
}

export interface WorldItem {
  /**
   * What the item is about, without what varies from copy to copy (jitter, noise): items of one signature are all
   * on one side of the split. Null: so few exist that they belong to training alone.
   */
  signature: string | null
  /** Comes first, once. */
  media: MediaPart[]
  turns: WorldTurn[]
  /** What a checker needs to judge an answer that is no text. */
  truth?: unknown
}

/** Makes one item from a source of randomness; `test` where the phrasing of the held-out side differs. */
export type WorldMaker = (rng: Rng, options: { seed: number; test: boolean }) => WorldItem
