// The sampler that a sequence owns: its counts of tokens for the penalties, its bias, and its own generator.
//
// Order: penalties, bias, grammar, temperature, top-k, top-p, min-p (engineTypes.ts). A draw takes one number from the
// generator whatever else is served (where there is no choice nothing is drawn), so the same seed gives the same text.
import { PolluxError, Rng } from '../util/index.ts'
import type { EngineSampling } from './engineTypes.ts'
import { checkSampling, sampleToken } from './sampling.ts'

/** Draws the tokens of one sequence. */
export class TokenSampler {
  readonly #sampling: EngineSampling
  readonly #rng: Rng
  readonly #scratch: Float32Array
  /** How often each token was written. */
  readonly #written = new Map<number, number>()
  /** Tokens read or written. */
  readonly #seen = new Set<number>()
  /** The seed in use: the given one, or the one drawn. */
  readonly seed: number

  /**
   * @param vocabSize length of the logits
   * @param prompt ids read before; only the repetition penalty asks for them
   * @throws PolluxError for sampling out of range
   */
  constructor(sampling: EngineSampling, vocabSize: number, prompt: ArrayLike<number> = []) {
    checkSampling(sampling)
    checkPenalties(sampling, vocabSize)
    this.#sampling = sampling
    this.seed = sampling.seed ?? Math.floor(Math.random() * 2 ** 32)
    this.#rng = new Rng(this.seed)
    this.#scratch = new Float32Array(vocabSize)
    if (this.#repetition !== 1) for (let i = 0; i < prompt.length; i++) this.#seen.add(prompt[i])
  }

  get #repetition(): number {
    return this.#sampling.repetitionPenalty ?? 1
  }

  /**
   * Draws the next token; tell `observe` of what is written.
   *
   * @param logits [V] as the model gave them; left unchanged
   * @param allowedMask bit `id & 31` of word `id >> 5` says whether a token may be drawn
   * @throws PolluxError when no token may be
   */
  next(logits: Float32Array, allowedMask?: Uint32Array): number {
    const adjusted = this.#isPlain && allowedMask === undefined ? logits : this.#adjust(logits, allowedMask)
    return sampleToken(adjusted, this.#sampling, this.#rng)
  }

  /** Counts a token that was written. */
  observe(id: number): void {
    this.#written.set(id, (this.#written.get(id) ?? 0) + 1)
    if (this.#repetition !== 1) this.#seen.add(id)
  }

  get #isPlain(): boolean {
    const { presencePenalty = 0, frequencyPenalty = 0, logitBias = [] } = this.#sampling
    return presencePenalty === 0 && frequencyPenalty === 0 && this.#repetition === 1 && logitBias.length === 0
  }

  #adjust(logits: Float32Array, mask: Uint32Array | undefined): Float32Array {
    const { presencePenalty = 0, frequencyPenalty = 0, logitBias = [] } = this.#sampling
    const out = this.#scratch
    out.set(logits)
    const repetition = this.#repetition
    for (const id of this.#seen) out[id] = out[id] > 0 ? out[id] / repetition : out[id] * repetition
    if (presencePenalty !== 0 || frequencyPenalty !== 0) {
      for (const [id, count] of this.#written) out[id] -= presencePenalty + frequencyPenalty * count
    }
    for (const [id, bias] of logitBias) out[id] += bias
    if (mask) forbidOthers(out, mask)
    return out
  }
}

/** Sets the logits of tokens outside a mask to -Infinity. */
function forbidOthers(logits: Float32Array, mask: Uint32Array): void {
  for (let word = 0, from = 0; from < logits.length; word++, from += 32) {
    const bits = mask[word]
    if (bits === 0xffffffff) continue
    const to = Math.min(from + 32, logits.length)
    if (bits === 0) logits.fill(-Infinity, from, to)
    else for (let id = from; id < to; id++) if (((bits >>> (id & 31)) & 1) === 0) logits[id] = -Infinity
  }
}

function checkPenalties(sampling: EngineSampling, vocabSize: number): void {
  const { presencePenalty = 0, frequencyPenalty = 0, repetitionPenalty = 1, logitBias = [], seed = 0 } = sampling
  for (const [name, value] of Object.entries({ presencePenalty, frequencyPenalty, seed })) {
    if (!Number.isFinite(value)) throw new PolluxError(`sample: ${name} must be a number, got ${value}`)
  }
  if (!(repetitionPenalty > 0 && repetitionPenalty < Infinity)) {
    throw new PolluxError(`sample: repetitionPenalty must be above 0, got ${repetitionPenalty}`)
  }
  for (const [id, bias] of logitBias) {
    if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
      throw new PolluxError(`sample: logitBias must name ids from 0 to ${vocabSize - 1}, got ${id}`)
    }
    if (Number.isNaN(bias)) throw new PolluxError(`sample: logitBias of ${id} must be a number, got ${bias}`)
  }
}
