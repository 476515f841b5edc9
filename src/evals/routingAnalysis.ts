// All figures about the experts of a model on a sample of texts, layer by layer, in one plain object.
import { maxViolation } from '../train/index.ts'
import { entropyOf } from '../ops/index.ts'
import { type DomainSignificance, domainSignificance } from './routingChance.ts'
import {
  chanceCoActivation,
  coActivation,
  domainCounts,
  domainShares,
  expertLoad,
  type ExpertToken,
  favouriteTokens,
  pairCounts,
  type Saturation,
  saturation,
} from './routingFigures.ts'
import { noDomain, type RoutingSample } from './routingSample.ts'

export interface LayerAnalysis {
  /** Tokens of the sample that each expert got, [E]. */
  load: number[]
  maxVio: number
  /** Entropy of the load as a share of ln E; experts without a token. */
  entropy: number
  unused: number
  /** Dom [E][D], and whether chance could have made it. */
  domainShares: number[][]
  significance: DomainSignificance
  /** CoAct [E][E], and what loads alone would give. */
  coActivation: number[][]
  chanceCoActivation: number[][]
  /** Of each expert, the tokens it likes most. */
  favourites: ExpertToken[][]
  /** Against each earlier checkpoint, in their order. */
  saturation: Saturation[]
}

export interface RoutingAnalysis {
  experts: number
  topK: number
  tokens: number
  documents: number
  domains: { name: string; tokens: number; documents: number }[]
  /** Names of the earlier checkpoints. */
  earlier: string[]
  layers: LayerAnalysis[]
}

/** @param earlier samples of other checkpoints over the same units */
export function analyseRouting(
  sample: RoutingSample,
  earlier: { name: string; sample: RoutingSample }[] = [],
  { shuffles, favourites }: { shuffles?: number; favourites?: number } = {},
): RoutingAnalysis {
  const saturations = earlier.map((each) => saturation(each.sample, sample))
  const layers = sample.choices.map((_, layer): LayerAnalysis => {
    const load = [...expertLoad(sample, layer)]
    return {
      load,
      maxVio: maxViolation(load),
      entropy: entropyOf(load) / Math.log(sample.experts),
      unused: load.filter((tokens) => tokens === 0).length,
      domainShares: domainShares(domainCounts(sample, layer)),
      significance: domainSignificance(sample, layer, { shuffles }),
      coActivation: coActivation(pairCounts(sample, layer)),
      chanceCoActivation: chanceCoActivation(load, sample.topK),
      favourites: favouriteTokens(sample, layer, favourites),
      saturation: saturations.map((each) => each[layer]),
    }
  })
  return {
    experts: sample.experts,
    topK: sample.topK,
    tokens: sample.ids.length,
    documents: new Set(sample.units.map(({ document }) => document)).size,
    domains: domainsOf(sample),
    earlier: earlier.map(({ name }) => name),
    layers,
  }
}

function domainsOf({ domainNames, domains, units }: RoutingSample): RoutingAnalysis['domains'] {
  const tokens = domainNames.map(() => 0)
  const documents = domainNames.map(() => new Set<number>())
  for (const { start, length, document } of units) {
    for (let token = start; token < start + length; token++) {
      if (domains[token] === noDomain) continue
      tokens[domains[token]]++
      documents[domains[token]].add(document)
    }
  }
  return domainNames.map((name, i) => ({ name, tokens: tokens[i], documents: documents[i].size }))
}

/** The layer whose experts differ most by domain, beyond what shuffled domains give. */
export function mostSpecialisedLayer({ layers }: RoutingAnalysis): number {
  const above = layers.map(({ significance: { information, shuffled } }) => information - shuffled)
  return above.indexOf(Math.max(...above))
}
