// ---- asking ----
export { type AskOptions, askPictures, askSounds, askText, type MediaAsker } from './mediaAsker.ts'
// ---- the generated world ----
export {
  defaultWorldItems,
  evalWorld,
  type KindScore,
  type WorldEvalOptions,
  type WorldMistake,
  type WorldSample,
  type WorldScores,
} from './world.ts'
// ---- what experts read ----
export { collectRouting, type CollectOptions } from './routingCollect.ts'
export { noDomain, type RoutingSample, type SampledUnit } from './routingSample.ts'
export { chooseUnits, mediaUnit, type RoutingUnit, textUnits } from './routingUnits.ts'
export { documentDomain, DomainNames, domainOrder, usualDomains, worldTextDomain } from './routingDomains.ts'
export { analyseRouting, type LayerAnalysis, mostSpecialisedLayer, type RoutingAnalysis } from './routingAnalysis.ts'
export { type DomainSignificance, domainSignificance } from './routingChance.ts'
export {
  chanceCoActivation,
  coActivation,
  domainCounts,
  domainInformation,
  domainShares,
  expertLoad,
  type ExpertToken,
  favouriteTokens,
  pairCounts,
  type Saturation,
  saturation,
  wilsonLower,
} from './routingFigures.ts'
// ---- long contexts ----
export {
  type BookTokenizer,
  type ChangedCell,
  changedGrid,
  type ChangedOptions,
  type ChangedSample,
} from './changedSentence.ts'
export { type DocumentReader, modelReader, type ReaderOptions } from './likeliest.ts'
export {
  needleAccuracy,
  type NeedleCell,
  needleDepths,
  needleGrid,
  type NeedleMistake,
  type NeedleOptions,
  type NeedleScores,
} from './needles.ts'
