// Patches to train a media tokenizer on: a pool cut from pictures or sounds once, from which batches are drawn.
import { type Picture, patchify, type Sound, soundFrames } from '../media/index.ts'
import type { FsqRequest } from '../model/index.ts'
import type { Rng } from '../util/index.ts'

/** Most values of a pool: 64 MiB as floats. */
const mostValues = 2 ** 24

/** Shape of a tokenizer for square patches of `patchSize` pixels. */
export function imageTokenizerShape(patchSize: number): Pick<FsqRequest, 'kind' | 'inputDim' | 'channels'> {
  return { kind: 'image', inputDim: 3 * patchSize ** 2, channels: 3 }
}

/** Shape of a tokenizer for frames of 40 ms: 4 hops of `mels` mels. */
export function audioTokenizerShape(mels: number): Pick<FsqRequest, 'kind' | 'inputDim' | 'channels'> {
  return { kind: 'audio', inputDim: 4 * mels, channels: mels }
}

/** Patches [N, 3 * patchSize^2] of pictures whose sides are multiples of it; what is beyond 64 MiB is left out. */
export function picturePatches(pictures: Iterable<Picture>, patchSize: number): Float32Array {
  return gather(pictures, (picture) => patchify(picture, patchSize).patches, 3 * patchSize ** 2)
}

/** Frames [N, 4 * mels] of sounds at 16 kHz; what is beyond 64 MiB is left out. */
export function soundPatches(sounds: Iterable<Sound>, mels: number): Float32Array {
  return gather(sounds, (sound) => soundFrames(sound, { features: 'log_mel', mels }).frames, 4 * mels)
}

/** Draws patches from a pool [N, width] at random, with replacement; N > 0. */
export function drawPatches(pool: Float32Array, width: number, rng: Rng): (count: number) => Float32Array {
  const size = pool.length / width
  return (count) => {
    const out = new Float32Array(count * width)
    for (let i = 0; i < count; i++) {
      const from = rng.integer(size) * width
      out.set(pool.subarray(from, from + width), i * width)
    }
    return out
  }
}

function gather<T>(items: Iterable<T>, cut: (item: T) => Float32Array, width: number): Float32Array {
  const pieces: Float32Array[] = []
  let size = 0
  for (const item of items) {
    const piece = cut(item)
    const room = Math.floor((mostValues - size) / width) * width
    pieces.push(piece.subarray(0, room))
    size += Math.min(room, piece.length)
    if (size + width > mostValues) break
  }
  const out = new Float32Array(size)
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}
