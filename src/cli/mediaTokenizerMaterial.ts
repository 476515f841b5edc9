// What a media tokenizer is trained and shown on: patches to learn from, and whole pictures or sounds that it never saw.
import type { Picture, Sound } from '../media/index.ts'
import type { FsqRequest } from '../model/index.ts'
import { audioTokenizerShape, imageTokenizerShape, picturePatches, soundPatches } from '../train/index.ts'

/** Most pictures and sounds that are held out, and most that the report shows. */
export const mostHeldOut = 256

/** Material of one kind. */
export interface Material<T> {
  /** "4,000 scenes of the generated world" */
  description: string
  /** Shape of the tokenizer. */
  shape: Pick<FsqRequest, 'kind' | 'inputDim' | 'channels'>
  /** Patches to train on, [N, P]. */
  patches: Float32Array
  /** Never trained on, at least one. */
  heldOut: T[]
  /** Their patches. */
  heldOutPatches: Float32Array
  /** Of pictures or sounds that were decoded from the codes of `heldOut`: how many still say what they are, 0 to 1. */
  readable?: { what: string; share: (decoded: T[]) => number }
}

/** Material of either kind, as far as there is some. */
export interface Materials {
  image?: Material<Picture>
  audio?: Material<Sound>
  /** Files that were left out, and why. */
  rejects: { path: string; reason: string }[]
}

/** Pictures whose sides are multiples of `patchSize`. */
export function pictureMaterial(
  { train, heldOut }: { train: Iterable<Picture>; heldOut: Picture[] },
  patchSize: number,
  description: string,
): Material<Picture> {
  const patches = picturePatches(train, patchSize)
  const shape = imageTokenizerShape(patchSize)
  return { description, shape, patches, heldOut, heldOutPatches: picturePatches(heldOut, patchSize) }
}

/** Sounds at 16 kHz. */
export function soundMaterial(
  { train, heldOut }: { train: Iterable<Sound>; heldOut: Sound[] },
  mels: number,
  description: string,
): Material<Sound> {
  const patches = soundPatches(train, mels)
  const shape = audioTokenizerShape(mels)
  return { description, shape, patches, heldOut, heldOutPatches: soundPatches(heldOut, mels) }
}
