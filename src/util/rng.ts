// A seeded source of random numbers with a state that can be saved: the same seed gives the same model,
// data order and samples on every machine. xoshiro128** (Blackman & Vigna 2018), seeded by splitmix32.
// Randomness is always an argument; nothing in the program draws from a global source.

/** Four 32-bit words; JSON-serialisable. */
export type RngState = [number, number, number, number]

export class Rng {
  #state: RngState

  /** Any integer seed; seeds that differ give unrelated streams. */
  constructor(seed: number) {
    let x = seed >>> 0
    const next = (): number => {
      x = (x + 0x9e3779b9) >>> 0
      let z = x
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return (z ^ (z >>> 15)) >>> 0
    }
    this.#state = [next(), next(), next(), next()]
  }

  /** Uniform whole number in [0, 2^32). */
  uint32(): number {
    const s = this.#state
    const scrambled = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0
    const shifted = s[1] << 9
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= shifted
    s[3] = rotateLeft(s[3], 11)
    return scrambled
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53
  }

  /** Uniform whole number in [0, n). */
  integer(n: number): number {
    return Math.floor(this.uniform() * n)
  }

  /** Standard normal (Box & Muller 1958; the second value is not kept, so the state stays four words). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /** Puts an array in random order, in place (Fisher & Yates). */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      ;[items[i], items[j]] = [items[j], items[i]]
    }
    return items
  }

  state(): RngState {
    return [...this.#state]
  }

  restore(state: RngState): void {
    if (!Array.isArray(state) || state.length !== 4 || !state.every(Number.isInteger)) {
      throw new Error(`rng: state must be four whole numbers, got ${JSON.stringify(state)}`)
    }
    this.#state = [state[0] | 0, state[1] | 0, state[2] | 0, state[3] | 0]
  }
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits))
}
