// Batches for a media tokenizer in which what says little is rare.
//
// Most patches of a picture are plain background, and most frames of a recording are silence: trained as they come, the
// tokenizer would spend its codes and its time there. A batch holds at most a given share of such flat patches.
import type { FsqConfig } from '../model/index.ts'

/** A patch is flat when its variance is below this share of the variance of all patches. */
const flatVariance = 1e-3
/** Draws after which a batch is filled with flat patches after all: there may be nothing else. */
const mostDraws = 4

/** Says of a patch whether it is flat: an image whose channels are each constant, a sound whose every value is the same. */
export function flatnessTest(config: FsqConfig, sample: Float32Array): (patch: Float32Array) => boolean {
  const channels = config.kind === 'image' ? config.channels : 1
  const limit = flatVariance * variance(sample, channels)
  return (patch) => variance(patch, channels) <= limit
}

/** Mean over channels of the variance within each; channels lie innermost. */
function variance(values: Float32Array, channels: number): number {
  const count = values.length / channels
  let total = 0
  for (let c = 0; c < channels; c++) {
    let [sum, squares] = [0, 0]
    for (let i = c; i < values.length; i += channels) sum += values[i]
    const mean = sum / count
    for (let i = c; i < values.length; i += channels) squares += (values[i] - mean) ** 2
    total += squares / count
  }
  return total / channels
}

export interface BalancedOptions {
  /** Patches a batch. */
  batch: number
  /** Values of a patch. */
  width: number
  /** Largest share of flat patches, 0 to 1. */
  flatShare: number
  isFlat: (patch: Float32Array) => boolean
  nextPatches: (count: number) => Float32Array
}

/** A batch [batch, width] with at most `flatShare` of flat patches, as far as a few draws bring enough others. */
export function balancedBatch({ batch, width, flatShare, isFlat, nextPatches }: BalancedOptions): Float32Array {
  const out = new Float32Array(batch * width)
  const spare: Float32Array[] = []
  let [filled, flats] = [0, 0]
  const put = (patch: Float32Array) => out.set(patch, filled++ * width)
  for (let draw = 0; draw < mostDraws && filled < batch; draw++) {
    const patches = nextPatches(batch)
    for (let from = 0; from < patches.length && filled < batch; from += width) {
      const patch = patches.subarray(from, from + width)
      if (!isFlat(patch)) put(patch)
      else if (flats < flatShare * batch) {
        flats++
        put(patch)
      } else if (spare.length < batch) spare.push(patch)
    }
  }
  for (let i = 0; filled < batch; i++) put(spare[i])
  return out
}
