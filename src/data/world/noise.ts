// Noise for sounds, from a table: a normal number a sample would cost more than all the rest of a sound.
import { Rng, type Rng as Random } from '../../util/index.ts'

const bits = 16
let table: Float32Array | undefined

/** 65,536 standard normal numbers, the same in every run. */
function normals(): Float32Array {
  if (table === undefined) {
    const rng = new Rng(0x6e6f6973)
    table = Float32Array.from({ length: 2 ** bits }, () => rng.normal())
  }
  return table
}

/** Adds normal noise of this standard deviation, in place. */
export function addNoise(samples: Float32Array, level: number, rng: Random): void {
  const noise = normals()
  // an odd stride visits all of the table, so two sounds share no stretch of noise
  const stride = 2 * rng.integer(2 ** (bits - 1)) + 1
  let at = rng.integer(2 ** bits)
  for (let i = 0; i < samples.length; i++) {
    samples[i] += level * noise[at]
    at = (at + stride) & (2 ** bits - 1)
  }
}

/** `length` standard normal numbers, a stretch of the table. */
export function noiseFrom(length: number, rng: Random): Float32Array {
  const samples = new Float32Array(length)
  addNoise(samples, 1, rng)
  return samples
}

/** Brings samples into [-1, 1], in place. */
export function clampSamples(samples: Float32Array): Float32Array {
  for (let i = 0; i < samples.length; i++) samples[i] = Math.min(1, Math.max(-1, samples[i]))
  return samples
}
