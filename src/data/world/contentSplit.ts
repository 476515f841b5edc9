// Train and test never share a content: which side a content belongs to is a hash of its signature alone.
//
// Not of the seed: a model trained on the world of one seed is still unseen to the test side of another.
import { hashIntegers } from '../permutation.ts'
import type { Rng } from '../../util/index.ts'
import type { Task, WorldSplit, WorldTask } from './types.ts'

/** One content of this many belongs to test. */
const testEvery = 10

/** The side of a content; contents without a signature are for training. */
export function splitOfContent(task: WorldTask, signature: string | undefined): WorldSplit {
  if (signature === undefined) return 'train'
  return hashText(`${task}: ${signature}`) % testEvery === 0 ? 'test' : 'train'
}

/** A plan of the split: others are drawn and dropped. */
export function planOf<Plan>(name: WorldTask, task: Task<Plan>, rng: Rng, split: WorldSplit, seed: number): Plan {
  // one in ten fits the rarer side, so that a thousand in a row do not is out of the question
  for (let attempt = 0; attempt < 1000; attempt++) {
    const plan = task.plan(rng, split, seed)
    if (task.signature === undefined || splitOfContent(name, task.signature(plan)) === split) return plan
  }
  throw new Error(`internal: no content of ${name} for ${split} in a thousand`)
}

/** 32 bits of a text. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hashIntegers(hash)
}
