// Figures about experts, from a sample of what routers chose. OLMoE (Muennighoff et al. 2024, 2409.02060), section 5:
//
//   Dom(E_i, D)     = N_{i,D} / N_D      share of a domain's tokens that meet expert i; K/E when experts do not care
//   CoAct(E_i, E_j) = N_{i,j} / N_i      of the tokens of expert i, the share that meet j as well
//   Voc(E_i, x)     = N_{x,i} / N_x      share of a token's occurrences that meet expert i
//   Sat(t)          = mean over tokens of |topk_t and topk_final| / K      how settled a checkpoint's choices are
//
// Each stands beside what chance would give. Letters: N tokens, E experts, K experts a token, D domains.
import { noDomain, type RoutingSample } from './routingSample.ts'

/** Tokens of each expert in a layer, [E]. */
export function expertLoad({ experts, choices }: RoutingSample, layer: number): Float64Array {
  const load = new Float64Array(experts)
  for (const expert of choices[layer]) load[expert]++
  return load
}

export interface DomainCounts {
  /** [D]: tokens of each domain. */
  tokens: Float64Array
  /** [E, D]: of them, those that met the expert. */
  counts: Float64Array
}

export function domainCounts(sample: RoutingSample, layer: number): DomainCounts {
  const { experts, topK: K, domains, domainNames, choices } = sample
  const D = domainNames.length
  const [tokens, counts] = [new Float64Array(D), new Float64Array(experts * D)]
  domains.forEach((domain, token) => {
    if (domain === noDomain) return
    tokens[domain]++
    for (let slot = 0; slot < K; slot++) counts[choices[layer][token * K + slot] * D + domain]++
  })
  return { tokens, counts }
}

/** Dom, [E][D]; NaN for a domain without tokens. */
export function domainShares({ tokens, counts }: DomainCounts): number[][] {
  const D = tokens.length
  return Array.from({ length: counts.length / D }, (_, expert) =>
    Array.from(tokens, (n, domain) => counts[expert * D + domain] / n),
  )
}

/**
 * Mutual information between the domain of a token and an expert drawn from its K, bits: 0 when domains are routed
 * alike, at most the smaller of log2 D and log2 E.
 */
export function domainInformation({ counts, tokens }: DomainCounts): number {
  const D = tokens.length
  const E = counts.length / D
  const [byExpert, byDomain] = [new Float64Array(E), new Float64Array(D)]
  let total = 0
  counts.forEach((n, i) => {
    byExpert[Math.floor(i / D)] += n
    byDomain[i % D] += n
    total += n
  })
  let bits = 0
  counts.forEach((n, i) => {
    if (n > 0) bits += (n / total) * Math.log2((n * total) / (byExpert[Math.floor(i / D)] * byDomain[i % D]))
  })
  return Math.max(0, bits)
}

/** N_{i,j}, [E, E]; the diagonal holds N_i. */
export function pairCounts({ experts: E, topK: K, choices }: RoutingSample, layer: number): Float64Array {
  const counts = new Float64Array(E * E)
  const chosen = choices[layer]
  for (let at = 0; at < chosen.length; at += K) {
    for (let a = 0; a < K; a++) for (let b = 0; b < K; b++) counts[chosen[at + a] * E + chosen[at + b]]++
  }
  return counts
}

/** CoAct, [E][E]; 1 on the diagonal, NaN in the row of an expert without tokens. */
export function coActivation(pairs: Float64Array): number[][] {
  const E = Math.sqrt(pairs.length)
  return Array.from({ length: E }, (_, i) => Array.from({ length: E }, (_, j) => pairs[i * E + j] / pairs[i * E + i]))
}

/**
 * What CoAct would be if the other K - 1 experts of a token were drawn by their loads alone, [E][E]: beside i, expert j has
 * a part of K - 1 in proportion to its load.
 */
export function chanceCoActivation(load: ArrayLike<number>, topK: number): number[][] {
  const loads = Array.from(load)
  const total = loads.reduce((sum, x) => sum + x, 0)
  return loads.map((own, i) =>
    loads.map((other, j) => (i === j ? 1 : Math.min(1, ((topK - 1) * other) / Math.max(1, total - own)))),
  )
}

/** A token that an expert is often given. */
export interface ExpertToken {
  id: number
  /** Voc: share of its occurrences that met the expert, and the lower end of its interval of 95%. */
  share: number
  lower: number
  /** Occurrences in the sample. */
  seen: number
}

/**
 * The tokens that each expert of a layer likes most: those whose Voc lies surely (lower end of 95%) above the share of all
 * tokens that the expert gets, by that lower end. A token that was seen twice says little, and comes late.
 */
export function favouriteTokens(sample: RoutingSample, layer: number, most = 12): ExpertToken[][] {
  const { experts: E, topK: K, ids, choices } = sample
  const seen = new Map<number, { n: number; counts: Uint32Array }>()
  ids.forEach((id, token) => {
    let entry = seen.get(id)
    if (!entry) seen.set(id, (entry = { n: 0, counts: new Uint32Array(E) }))
    entry.n++
    for (let slot = 0; slot < K; slot++) entry.counts[choices[layer][token * K + slot]]++
  })
  const load = expertLoad(sample, layer)
  return Array.from({ length: E }, (_, expert) => {
    const usual = load[expert] / ids.length
    const tokens: ExpertToken[] = []
    for (const [id, { n, counts }] of seen) {
      const lower = wilsonLower(counts[expert], n)
      if (lower > usual) tokens.push({ id, share: counts[expert] / n, lower, seen: n })
    }
    return tokens.sort((a, b) => b.lower - a.lower || b.seen - a.seen || a.id - b.id).slice(0, most)
  })
}

/** Lower end of the 95% interval of a share (Wilson 1927). */
export function wilsonLower(hits: number, n: number): number {
  if (n === 0) return 0
  const z = 1.96
  const p = hits / n
  const spread = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))
  return Math.max(0, (p + (z * z) / (2 * n) - spread) / (1 + (z * z) / n))
}

export interface Saturation {
  /** Sat: mean overlap of the experts of a token. */
  overlap: number
  /** The same if the loads of both were as they are and nothing else. */
  chance: number
}

/** Sat of each layer of an earlier checkpoint against the final one, over the same tokens. @throws RangeError for others */
export function saturation(earlier: RoutingSample, final: RoutingSample): Saturation[] {
  const { topK: K, experts: E } = final
  const alike = earlier.topK === K && earlier.experts === E && earlier.choices.length === final.choices.length
  if (!alike || earlier.ids.length !== final.ids.length) {
    throw new RangeError('saturation: both samples must be of the same tokens and shape')
  }
  return final.choices.map((chosen, layer) => {
    const before = earlier.choices[layer]
    let same = 0
    for (let at = 0; at < chosen.length; at += K) {
      for (let a = 0; a < K; a++) for (let b = 0; b < K; b++) if (chosen[at + a] === before[at + b]) same++
    }
    const [then, now] = [expertLoad(earlier, layer), expertLoad(final, layer)]
    const N = final.ids.length
    const chance = now.reduce((sum, n, expert) => sum + (n / N) * (then[expert] / N), 0) / K
    return { overlap: same / chosen.length, chance }
  })
}
