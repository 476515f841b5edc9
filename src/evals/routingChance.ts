// Could chance have made experts differ by domain? The figures again, with the domains shuffled.
//
// Tokens of one text resemble each other, so shuffling tokens would call everything significant. What is shuffled are groups: all
// tokens of one domain in one unit (a stretch of a document) keep together and get the domain of another group. A domain
// that is one document in many stretches still differs from others as a document: the number of documents is told beside.
import { Rng } from '../util/index.ts'
import { domainCounts, domainInformation, domainShares } from './routingFigures.ts'
import { noDomain, type RoutingSample } from './routingSample.ts'

export interface DomainSignificance {
  /** Mutual information between domain and expert, bits. */
  information: number
  /** The same with domains shuffled: mean, and what 95% of shuffles stay under. */
  shuffled: number
  shuffled95: number
  /** Share of shuffles that reach the information, the true order counted as one of them. */
  p: number
  /** [E][D]: Dom less its mean over shuffles, in standard deviations over shuffles; 0 where nothing varies. */
  z: number[][]
}

/** Shuffles of each layer. */
const defaultShuffles = 200

interface Group {
  domain: number
  tokens: number
  /** [E] */
  counts: Float64Array
}

/** How far a layer's experts differ by domain, and how far they would by chance. */
export function domainSignificance(
  sample: RoutingSample,
  layer: number,
  { shuffles = defaultShuffles, seed = 0 }: { shuffles?: number; seed?: number } = {},
): DomainSignificance {
  const { experts: E, domainNames } = sample
  const D = domainNames.length
  const groups = groupsOf(sample, layer)
  const labels = groups.map(({ domain }) => domain)
  const rng = new Rng(seed)
  const truth = domainCounts(sample, layer)
  const information = domainInformation(truth)
  const values: number[] = []
  const [sum, squares] = [new Float64Array(E * D), new Float64Array(E * D)]
  for (let i = 0; i < shuffles; i++) {
    shuffle(labels, rng)
    const counts = countGroups(groups, labels, E, D)
    values.push(domainInformation(counts))
    domainShares(counts).forEach((row, expert) =>
      row.forEach((share, domain) => {
        sum[expert * D + domain] += share
        squares[expert * D + domain] += share * share
      }),
    )
  }
  const sorted = values.toSorted((a, b) => a - b)
  // a shuffle adds the same numbers in another order
  const reached = values.filter((value) => value >= information - 1e-12).length
  return {
    information,
    shuffled: values.reduce((total, value) => total + value, 0) / shuffles,
    shuffled95: sorted[Math.ceil(0.95 * shuffles) - 1],
    p: (1 + reached) / (1 + shuffles),
    z: domainShares(truth).map((row, expert) =>
      row.map((share, domain) => {
        const mean = sum[expert * D + domain] / shuffles
        const deviation = Math.sqrt(Math.max(0, squares[expert * D + domain] / shuffles - mean * mean))
        return deviation > 1e-9 ? (share - mean) / deviation : 0
      }),
    ),
  }
}

function groupsOf({ experts, topK: K, units, domains, domainNames, choices }: RoutingSample, layer: number): Group[] {
  return units.flatMap(({ start, length }) => {
    const groups: (Group | undefined)[] = domainNames.map(() => undefined)
    for (let token = start; token < start + length; token++) {
      const domain = domains[token]
      if (domain === noDomain) continue
      const group = (groups[domain] ??= { domain, tokens: 0, counts: new Float64Array(experts) })
      group.tokens++
      for (let slot = 0; slot < K; slot++) group.counts[choices[layer][token * K + slot]]++
    }
    return groups.filter((group) => group !== undefined)
  })
}

function countGroups(groups: Group[], labels: number[], E: number, D: number) {
  const [tokens, counts] = [new Float64Array(D), new Float64Array(E * D)]
  groups.forEach((group, i) => {
    tokens[labels[i]] += group.tokens
    for (let expert = 0; expert < E; expert++) counts[expert * D + labels[i]] += group.counts[expert]
  })
  return { tokens, counts }
}

/** Fisher and Yates. */
function shuffle(values: number[], rng: Rng): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = rng.integer(i + 1)
    ;[values[i], values[j]] = [values[j], values[i]]
  }
}
