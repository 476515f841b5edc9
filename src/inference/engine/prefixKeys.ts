// A prompt as a row of numbers in which equal numbers mean equal keys and values: what the prefix tree compares.
//
// A place of text is its id. A place of a picture or a sound is a hash of the whole span's features (and of the place in
// it), below zero, so that two pictures with the same placeholders differ. 53 bits: with a billion different places kept
// the chance of a false hit is one in eighteen million a look-up.
import type { Prompt, SoftSpan } from '../prompt.ts'

/** One number a place; text is its id, media a hash below zero. */
export function prefixKeys(prompt: Prompt): Float64Array {
  const { ids, blockEnd, pictures = [], sounds = [] } = prompt
  const keys = Float64Array.from(ids)
  blockEnd?.forEach((end, place) => {
    if (end > place) keys[place] = -1 - new Mixer().add(1, ids[place], end - place).value
  })
  pictures.forEach((span) => {
    mark(keys, span, 2)
  })
  sounds.forEach((span) => {
    mark(keys, span, 3)
  })
  return keys
}

function mark(keys: Float64Array, { start, count, features, positions }: SoftSpan, kind: number): void {
  const whole = new Mixer().add(kind, count, features.length).addAll(features)
  if (positions) whole.addAll(positions)
  for (let i = 0; i < count; i++) {
    const isBlock = keys[start + i] < 0 ? 1 : 0
    keys[start + i] = -1 - new Mixer(whole).add(i, isBlock).value
  }
}

/** 53 bits of 32-bit words: two streams of murmur3's mixing with different constants. */
class Mixer {
  #a = 0x9747b28c
  #b = 0x3c6ef372

  constructor(before?: Mixer) {
    if (before) [this.#a, this.#b] = [before.#a, before.#b]
  }

  add(...words: number[]): this {
    return this.addAll(Int32Array.from(words))
  }

  addAll(array: Float32Array | Int32Array): this {
    let [a, b] = [this.#a, this.#b]
    for (const word of new Int32Array(array.buffer, array.byteOffset, array.length)) {
      a =
        (Math.imul(rotated(a ^ Math.imul(rotated(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593), 13), 5) + 0xe6546b64) |
        0
      b = (Math.imul(rotated(b ^ Math.imul(word, 0x85ebca77), 17), 0xc2b2ae3d) + 0x27d4eb2f) | 0
    }
    ;[this.#a, this.#b] = [a, b]
    return this
  }

  /** In [0, 2^53). */
  get value(): number {
    const low = finished(this.#b ^ rotated(this.#a, 16))
    return (finished(this.#a ^ low) & 0x1fffff) * 2 ** 32 + low
  }
}

function rotated(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits))
}

function finished(x: number): number {
  let y = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  y = Math.imul(y ^ (y >>> 13), 0xc2b2ae35)
  return (y ^ (y >>> 16)) >>> 0
}
