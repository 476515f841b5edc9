// ---- words, facts, haystacks ----
export { type Filler, generatedFiller, streamFiller } from './filler.ts'
export { type NeedleFact, type NeedleKind, needleKinds, type NeedleSplit, NeedleWriter } from './needles.ts'
// ---- documents ----
export {
  type AskedFact,
  type LongDocument,
  type NeedleDocument,
  needleDocument,
  needleProbe,
  type NeedleSources,
  shortestProbe,
} from './document.ts'
export { twiceDocument } from './twice.ts'
// ---- batches ----
export { LongLoader, type LongLoaderOptions, type LongLoaderState, type LongSort } from './longLoader.ts'
