// Drawing a token from logits: greedy, temperature, top-k, top-p (Holtzman et al. 2019), min-p (Nguyen et al. 2024).
//
// All three cuts keep a beginning of the tokens in descending order, and the draw walks that order too; but only the places
// where a cut or the draw falls need sorting. So logits are put into buckets by their distance from the largest one (a
// counting sort), whole buckets are walked by their mass, and a bucket is sorted when something falls into it: time grows
// with the vocabulary, without its logarithm, and without a sort of 262144 numbers.
import { PolluxError, type Rng } from '../util/index.ts'

export interface SamplingOptions {
  /** 0: the likeliest token. Default 1. */
  temperature?: number
  /** Only the k likeliest; 0: all. Default 0. */
  topK?: number
  /** Only the likeliest that hold this much probability together (after top-k); 1: all. Default 1. */
  topP?: number
  /** Only those at least this share as likely as the likeliest, in [0, 1]. Default 0. */
  minP?: number
}

/**
 * Draws one token id; equal logits go to the lower id first. A logit of -Infinity is never drawn.
 *
 * @throws PolluxError for options out of range, or when every logit is -Infinity
 */
export function sampleToken(logits: Float32Array, options: SamplingOptions, rng: Rng): number {
  checkSampling(options)
  const { temperature = 1, topK = 0, topP = 1, minP = 0 } = options
  const best = likeliest(logits)
  if (!(logits[best] > -Infinity)) throw new PolluxError('sample: some token must be allowed, got none')
  if (temperature === 0) return best
  return new Ranking(logits, logits[best], temperature, topP === 1 ? minP : 0).draw({ topK, topP, minP }, rng)
}

/** @throws PolluxError for options out of range */
export function checkSampling({ temperature = 1, topK = 0, topP = 1, minP = 0 }: SamplingOptions): void {
  if (!(temperature >= 0)) throw new PolluxError(`sample: temperature must be at least 0, got ${temperature}`)
  if (!(topK >= 0)) throw new PolluxError(`sample: topK must be at least 0, got ${topK}`)
  if (!(topP > 0 && topP <= 1)) throw new PolluxError(`sample: topP must be above 0 and at most 1, got ${topP}`)
  if (!(minP >= 0 && minP <= 1)) throw new PolluxError(`sample: minP must be from 0 to 1, got ${minP}`)
}

/** Id of the largest logit, the lowest of equal ones; NaN counts as -Infinity. */
export function likeliest(logits: Float32Array): number {
  let best = 0
  let largest = -Infinity
  for (let id = 0; id < logits.length; id++) {
    if (logits[id] > largest) {
      largest = logits[id]
      best = id
    }
  }
  return best
}

const BUCKETS = 2048
/** Exponents below the largest that are looked at: e^-50 of 262144 tokens is under the last bit of a draw. */
const REACH = 50

// scratch of the calling thread, as long as the largest vocabulary met
let idsOf = new Int32Array(0)
let massOf = new Float64Array(0)
const counts = new Int32Array(BUCKETS + 1)

/** Tokens in descending order, by buckets that are sorted when looked into. */
class Ranking {
  readonly #logits: Float32Array
  readonly #largest: number
  readonly #temperature: number
  /** Buckets in a unit of logits. */
  readonly #scale: number
  /** Place of each bucket's first token in `idsOf`; the last entry is the number of tokens. */
  readonly #starts = new Int32Array(BUCKETS + 1)
  readonly #isSorted = new Uint8Array(BUCKETS)

  constructor(logits: Float32Array, largest: number, temperature: number, minP: number) {
    this.#logits = logits
    this.#largest = largest
    this.#temperature = temperature
    // in logits, so that tokens outside it never meet an exponential
    const reach = temperature * (minP > 0 ? Math.min(REACH, -Math.log(minP)) : REACH)
    if (idsOf.length < logits.length) {
      idsOf = new Int32Array(logits.length)
      massOf = new Float64Array(logits.length)
    }
    this.#scale = reach > 0 ? (BUCKETS - 1) / reach : 0
    this.#fill(reach)
  }

  #fill(reach: number): void {
    const [logits, largest, scale] = [this.#logits, this.#largest, this.#scale]
    counts.fill(0)
    for (let id = 0; id < logits.length; id++) {
      const below = largest - logits[id]
      if (below <= reach) counts[(below * scale) | 0]++
    }
    let place = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      this.#starts[bucket] = place
      place += counts[bucket]
      counts[bucket] = this.#starts[bucket]
    }
    this.#starts[BUCKETS] = place
    for (let id = 0; id < logits.length; id++) {
      const below = largest - logits[id]
      if (below <= reach) idsOf[counts[(below * scale) | 0]++] = id
    }
  }

  draw({ topK, topP, minP }: { topK: number; topP: number; minP: number }, rng: Rng): number {
    const all = this.#starts[BUCKETS]
    let count = topK > 0 ? Math.min(topK, all) : all
    if (count < all) this.#sort(this.#bucketOf(count - 1))
    let mass = this.#weigh(count)
    if (topP < 1) {
      const cut = this.#walk(topP * mass, count)
      count = cut.place + 1
      mass = cut.mass
    }
    if (minP > 0) {
      count = this.#countAbove(minP, count)
      mass = 0
      for (let place = 0; place < count; place++) mass += massOf[place]
    }
    return idsOf[this.#walk(rng.uniform() * mass, count, true).place]
  }

  /** Masses of the first `count` tokens, into `massOf`; answers their sum. */
  #weigh(count: number): number {
    let sum = 0
    for (let place = 0; place < count; place++) {
      sum += massOf[place] = Math.exp((this.#logits[idsOf[place]] - this.#largest) / this.#temperature)
    }
    return sum
  }

  /** The place at which the mass from the top reaches (`isDraw`: passes) a target, and the mass up to and with it. */
  #walk(target: number, count: number, isDraw = false): { place: number; mass: number } {
    let mass = 0
    for (let bucket = 0; this.#starts[bucket] < count; bucket++) {
      const [from, to] = [this.#starts[bucket], Math.min(this.#starts[bucket + 1], count)]
      let within = 0
      for (let place = from; place < to; place++) within += massOf[place]
      if (to < count && mass + within < target) {
        mass += within
        continue
      }
      this.#sort(bucket)
      for (let place = from; place < to; place++) {
        mass += massOf[place]
        if (isDraw ? mass > target : mass >= target) return { place, mass }
      }
    }
    return { place: count - 1, mass }
  }

  /** How many of the first `count` are at least a share as likely as the likeliest. */
  #countAbove(share: number, count: number): number {
    const bucket = Math.floor(-Math.log(share) * this.#temperature * this.#scale)
    // rounding may put the limit into the neighbour
    const [first, last] = [Math.max(bucket - 1, 0), Math.min(bucket + 1, BUCKETS - 1)]
    if (first >= BUCKETS || this.#starts[first] >= count) return count
    for (let at = first; at <= last; at++) this.#sort(at)
    let place = Math.max(this.#starts[first], 1)
    while (place < Math.min(count, this.#starts[last + 1]) && massOf[place] >= share) place++
    return Math.min(place, count)
  }

  #bucketOf(place: number): number {
    let bucket = 0
    while (this.#starts[bucket + 1] <= place) bucket++
    return bucket
  }

  /** Sorts a bucket; masses follow, where they were computed already. */
  #sort(bucket: number): void {
    if (this.#isSorted[bucket] === 1) return
    this.#isSorted[bucket] = 1
    const [from, to] = [this.#starts[bucket], this.#starts[bucket + 1]]
    if (to - from < 2) return
    const logits = this.#logits
    idsOf.subarray(from, to).sort((a, b) => logits[b] - logits[a] || a - b)
    for (let place = from; place < to; place++) {
      massOf[place] = Math.exp((logits[idsOf[place]] - this.#largest) / this.#temperature)
    }
  }
}
