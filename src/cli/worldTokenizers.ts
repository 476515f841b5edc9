// Media tokenizers for the generated world: trained on what it draws and speaks.
import { worldItem, type WorldTask } from '../data/index.ts'
import { patchify, soundFrames } from '../media/index.ts'
import type { FsqRequest, MediaKind, MediaTokenizers } from '../model/index.ts'
import { type MediaTokenizerSummary, trainMediaTokenizer } from '../train/index.ts'
import { decimals, percent } from './format.ts'
import { startStage } from './progress.ts'
import type { Terminal } from './terminal.ts'

export interface WorldTokenizerOptions {
  seed: number
  /** Pixels of a patch's side, and mel bands of a hop. */
  patch: number
  mels: number
  /** Seconds each; default 30. */
  seconds?: number
}

/** What each kind learns from: pictures as they are drawn and edited, notes and digits as they are played and said. */
const tasksOf: Record<MediaKind, WorldTask[]> = { image: ['draw', 'edit'], audio: ['play', 'say'] }

/** An endless run of patches of a split. */
export function worldPatches(kind: MediaKind, split: 'train' | 'test', { seed, patch, mels }: WorldTokenizerOptions) {
  let index = 0
  let waiting = new Float32Array(0)
  return (count: number): Float32Array => {
    const parts = [waiting]
    const width = kind === 'image' ? patch * patch * 3 : 4 * mels
    let have = waiting.length
    while (have < count * width) {
      const task = tasksOf[kind][index % tasksOf[kind].length]
      const features = featuresOf(worldItem(task, { seed, split, index: index++ }), { patch, mels })
      parts.push(features)
      have += features.length
    }
    const all = new Float32Array(have)
    let at = 0
    for (const part of parts) {
      all.set(part, at)
      at += part.length
    }
    waiting = all.slice(count * width)
    return all.slice(0, count * width)
  }
}

function featuresOf(
  item: ReturnType<typeof worldItem>,
  { patch, mels }: { patch: number; mels: number },
): Float32Array<ArrayBuffer> {
  const { answer } = item.turns[0]
  if ('picture' in answer) return patchify(answer.picture, patch).patches as Float32Array<ArrayBuffer>
  if ('sound' in answer) {
    return soundFrames(answer.sound, { features: 'log_mel', mels }).frames as Float32Array<ArrayBuffer>
  }
  return new Float32Array(0)
}

/** The shape of a tokenizer for the world. */
export function worldTokenizerShape(kind: MediaKind, { patch, mels }: WorldTokenizerOptions): FsqRequest {
  return kind === 'image'
    ? { kind, inputDim: patch * patch * 3, channels: 3 }
    : { kind, inputDim: 4 * mels, channels: mels }
}

/** Trains both, showing each. */
export async function trainWorldTokenizers(
  options: WorldTokenizerOptions,
  terminal: Terminal,
): Promise<MediaTokenizers> {
  const { seconds = 30, seed } = options
  const trained: MediaTokenizers = {}
  for (const kind of ['image', 'audio'] as const) {
    const stage = startStage(terminal, `${kind} tokenizer`)
    const summary: MediaTokenizerSummary = await trainMediaTokenizer({
      tokenizer: worldTokenizerShape(kind, options),
      nextPatches: worldPatches(kind, 'train', options),
      heldOut: worldPatches(kind, 'test', options)(2048),
      horizon: { seconds },
      seed,
      onStep: ({ fractionDone, loss }) => stage.update(`${percent(fractionDone)}  error ${decimals(loss)}`),
    })
    trained[kind] = summary.tokenizer
    stage.done(`${decimals(summary.psnr, 1)} dB on held-out patches`)
  }
  return trained
}
