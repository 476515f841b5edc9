// A shuffle that needs no memory: a keyed permutation of [0, size) that is computed one index at a time.
//
// A Feistel network of four rounds permutes the 2^(2h) numbers just above `size`; an image that falls
// outside [0, size) is permuted again until it falls inside (cycle walking: Black and Rogaway 2002), which
// takes under four rounds on average. So the order of an epoch is a pure function of (seed, epoch, index):
// a run resumes anywhere with two numbers, and many readers can share one order without talking.

/** 32-bit finaliser of MurmurHash3: every input bit changes half of the output bits. */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/** One 32-bit number from several, order kept. */
export function hashIntegers(...values: number[]): number {
  let h = 0x9e3779b9
  for (const value of values) {
    h = mix((h ^ (value >>> 0)) >>> 0)
    h = mix((h + Math.floor(value / 2 ** 32) + 0x7f4a7c15) >>> 0)
  }
  return h
}

/**
 * The place that `index` takes in a keyed shuffle of [0, size).
 *
 * @param index integer in [0, size)
 * @param size 1 to 2^31
 * @param key any 32-bit integer: each gives another order
 */
export function permute(index: number, size: number, key: number): number {
  if (size <= 1) return 0
  const half = Math.ceil((32 - Math.clz32(size - 1)) / 2)
  const mask = 2 ** half - 1
  let x = index
  do {
    let left = Math.floor(x / 2 ** half)
    let right = x & mask
    for (let round = 0; round < 4; round++) {
      const next = (left ^ mix(right + mix(key + Math.imul(round, 0x9e3779b9)))) & mask
      left = right
      right = next
    }
    x = left * 2 ** half + right
  } while (x >= size)
  return x
}
