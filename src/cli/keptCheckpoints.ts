// Checkpoints that a run keeps on its way: the model of a save without the state of training, which is the larger part.
import { cpSync, existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { replaceFolder } from '../model/index.ts'

/** Copies a checkpoint's model, tokenizer and media tokenizers to another folder. */
export async function keepCheckpoint(checkpoint: string, folder: string): Promise<void> {
  await replaceFolder(folder, (aside) => {
    const filter = (path: string): boolean => !basename(path).startsWith('training_state.')
    cpSync(checkpoint, aside, { recursive: true, filter })
  })
}

/** Folders step-N under `kept`, by step. */
export function keptCheckpoints(kept: string): { step: number; folder: string }[] {
  if (!existsSync(kept)) return []
  return readdirSync(kept)
    .map((name) => ({ step: Number(/^step-(\d+)$/.exec(name)?.[1] ?? Number.NaN), folder: join(kept, name) }))
    .filter(({ step }) => Number.isInteger(step))
    .sort((a, b) => a.step - b.step)
}
