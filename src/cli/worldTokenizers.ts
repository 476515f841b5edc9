// Media tokenizers for a run on the generated world: trained on what it draws and speaks, before the model is.
import type { WorldTask } from '../data/index.ts'
import { type FsqTokenizer, type MediaKind, type MediaTokenizers } from '../model/index.ts'
import { drawPatches, trainMediaTokenizer } from '../train/index.ts'
import { Rng } from '../util/index.ts'
import { decimals, percent } from './format.ts'
import type { Material } from './mediaTokenizerMaterial.ts'
import { worldMaterial, type WorldMaterialOptions } from './mediaTokenizerWorld.ts'
import { startStage } from './progress.ts'
import type { Terminal } from './terminal.ts'

/** Steps of each: half a minute on two slow cores. */
const steps = { image: 700, audio: 700 }

/** Trains what the tasks of a mixture write, showing each. */
export async function trainWorldTokenizers(
  { mixture, ...options }: Omit<WorldMaterialOptions, 'kind'> & { mixture: Partial<Record<WorldTask, number>> },
  terminal: Terminal,
): Promise<MediaTokenizers> {
  const [draws, speaks] = [(mixture.draw ?? mixture.edit ?? 0) > 0, (mixture.play ?? mixture.say ?? 0) > 0]
  if (!draws && !speaks) return {}
  const { image, audio } = worldMaterial({ ...options, kind: draws && speaks ? 'both' : draws ? 'image' : 'audio' })
  return {
    ...(image ? { image: await trainOne('image', image, options.seed, terminal) } : {}),
    ...(audio ? { audio: await trainOne('audio', audio, options.seed, terminal) } : {}),
  }
}

async function trainOne<T>(
  kind: MediaKind,
  { shape, patches, heldOutPatches }: Material<T>,
  seed: number,
  terminal: Terminal,
): Promise<FsqTokenizer> {
  const stage = startStage(terminal, `${kind} tokenizer`)
  const { tokenizer, psnr } = await trainMediaTokenizer({
    tokenizer: shape,
    nextPatches: drawPatches(patches, shape.inputDim, new Rng(seed + 1)),
    heldOut: heldOutPatches,
    horizon: { steps: steps[kind] },
    seed,
    onStep: ({ fractionDone, loss }) => stage.update(`${percent(fractionDone)}  error ${decimals(loss)}`),
  })
  stage.done(`${decimals(psnr, 1)} dB on held-out patches`)
  return tokenizer
}
