// How a sequence draws its tokens: with its own source of randomness, so that same seed means same text whatever else runs.
import { Rng } from '../../util/index.ts'
import type { EngineRequest, TokenLogprob } from '../engineTypes.ts'
import { sampleToken } from '../sampling.ts'

export interface Chosen {
  id: number
  logprob?: number
  top?: TokenLogprob[]
}

export class TokenChooser {
  readonly #request: EngineRequest
  readonly #rng: Rng
  readonly #neverDrawn: readonly number[]

  constructor(request: EngineRequest, neverDrawn: readonly number[] = []) {
    this.#request = request
    this.#neverDrawn = neverDrawn
    this.#rng = new Rng(request.sampling?.seed ?? Math.floor(Math.random() * 2 ** 32))
  }

  /** Whether a token can ever be drawn. */
  mayDraw(id: number): boolean {
    return !this.#neverDrawn.includes(id)
  }

  /** @param logits [V] of the token after the text so far; changed */
  choose(logits: Float32Array): Chosen {
    const { sampling = {}, logprobs } = this.#request
    for (const id of this.#neverDrawn) logits[id] = -Infinity
    const id = sampleToken(logits, sampling, this.#rng)
    return logprobs ? { id, ...tokenLogprobs(logits, id, logprobs.top) } : { id }
  }
}

/** The log-probability of a token and of the `count` likeliest. */
export function tokenLogprobs(
  logits: Float32Array,
  id: number,
  count: number,
): { logprob: number; top: TokenLogprob[] } {
  let largest = -Infinity
  for (const logit of logits) if (logit > largest) largest = logit
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - largest)
  const norm = largest + Math.log(sum)
  const top: TokenLogprob[] = []
  for (let other = 0; count > 0 && other < logits.length; other++) {
    const logprob = logits[other] - norm
    if (top.length === count && logprob <= top[count - 1].logprob) continue
    let at = top.length
    while (at > 0 && top[at - 1].logprob < logprob) at--
    top.splice(at, 0, { id: other, logprob })
    if (top.length > count) top.pop()
  }
  return { logprob: logits[id] - norm, top }
}
