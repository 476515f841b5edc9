// Drawing a token from logits: greedy, temperature, top-k, top-p. Holtzman et al. 2019 (nucleus sampling).
import type { Rng } from '../util/index.ts'

export interface SamplingOptions {
  /** 0: the likeliest token. Default 1. */
  temperature?: number
  /** Only the k likeliest; 0: all. Default 0. */
  topK?: number
  /** Only the likeliest that hold this much probability together; 1: all. Default 1. */
  topP?: number
}

/** Draws one token id; equal logits go to the lower id first. */
export function sampleToken(logits: Float32Array, options: SamplingOptions, rng: Rng): number {
  const { temperature = 1, topK = 0, topP = 1 } = options
  if (!(temperature >= 0)) throw new Error(`sample: temperature must be at least 0, got ${temperature}`)
  if (!(topK >= 0)) throw new Error(`sample: topK must be at least 0, got ${topK}`)
  if (!(topP > 0 && topP <= 1)) throw new Error(`sample: topP must be above 0 and at most 1, got ${topP}`)
  if (temperature === 0) return likeliest(logits)
  const ids = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b)
  const kept = topK > 0 ? ids.slice(0, topK) : ids
  const max = logits[kept[0]]
  const masses = kept.map((id) => Math.exp((logits[id] - max) / temperature))
  const total = masses.reduce((sum, mass) => sum + mass, 0)
  let [count, nucleus] = [0, 0]
  while (count < masses.length && nucleus < topP * total) nucleus += masses[count++]
  let draw = rng.uniform() * nucleus
  for (let i = 0; i < count; i++) {
    draw -= masses[i]
    if (draw < 0) return kept[i]
  }
  return kept[count - 1]
}

function likeliest(logits: Float32Array): number {
  let best = 0
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id
  return best
}
