// Log-probabilities of tokens, as clients ask for them: the log-softmax of the model's own logits, before penalties, bias,
// grammar or temperature (the convention of the OpenAI API and vLLM), so that they do not depend on how a token was drawn.
import type { TokenLogprob } from './engineTypes.ts'

/**
 * The log-probability of a token and of the `count` likeliest, best first (of equal ones the lower id).
 *
 * @param logits [V], as the model gave them
 */
export function tokenLogprobs(
  logits: Float32Array,
  id: number,
  count: number,
): { logprob: number; top: TokenLogprob[] } {
  const norm = logSumExp(logits)
  const top: TokenLogprob[] = []
  let least = count > 0 ? -Infinity : Infinity
  for (let other = 0; other < logits.length; other++) {
    const logit = logits[other]
    if (!(logit > least)) continue
    let at = top.length
    while (at > 0 && top[at - 1].logprob < logit) at--
    top.splice(at, 0, { id: other, logprob: logit })
    if (top.length > count) top.pop()
    if (top.length === count) least = top[count - 1].logprob
  }
  for (const entry of top) entry.logprob -= norm
  return { logprob: logits[id] - norm, top }
}

function logSumExp(logits: Float32Array): number {
  let largest = -Infinity
  for (let id = 0; id < logits.length; id++) if (logits[id] > largest) largest = logits[id]
  let sum = 0
  for (let id = 0; id < logits.length; id++) {
    const below = logits[id] - largest
    // what is 40 below adds less than the last bit of a float64
    if (below > -40) sum += Math.exp(below)
  }
  return largest + Math.log(sum)
}
