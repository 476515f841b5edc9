// ---- documents and where they come from ----
export { textOf } from './document.ts'
export type { CorpusDocument, Document, FileDataPart, InlineDataPart, Part, Provenance, TextPart } from './document.ts'
export { openCorpus, readSources } from './corpus.ts'
export type { Corpus, CorpusOptions } from './corpus.ts'
export { Ledger } from './ledger.ts'
export type { Rejection, SkipReason } from './ledger.ts'
export type { Source } from './source.ts'
export { fileSource } from './files.ts'
export { type FileKind, kindOf } from './fileTypes.ts'
export { nodeModulesRoot, nodeModulesSource } from './nodeModules.ts'
export { writeProvenance } from './provenance.ts'

// ---- train and validation ----
export { sampleTexts, splitDocuments } from './split.ts'
export type { Piece, Split } from './split.ts'

// ---- tokens, batches ----
export type { TextTokenizer } from './textTokenizer.ts'
export { tokenStream } from './tokenStream.ts'
export type { TokenStream } from './tokenStream.ts'
export type { Batch } from './packing.ts'
export { Loader } from './loader.ts'
export type { LoaderOptions, LoaderState } from './loader.ts'
export { permute } from './permutation.ts'
export { prepareData } from './prepare.ts'
export type { PreparedData } from './prepare.ts'

// ---- documents with media ----
export type { MediaPart } from './mediaPart.ts'
export { hasMedia } from './document.ts'
export { MediaEncoder } from './mediaEncoding.ts'
export type { EncodedDocument, MediaCodes, MediaEncoderOptions, MediaShape } from './mediaEncoding.ts'
export type { MediaBatch } from './mediaPacking.ts'
export { MediaLoader } from './mediaLoader.ts'
export type { MediaLoaderOptions, MediaLoaderState, MediaSource } from './mediaLoader.ts'
export { mediaFileSource, MediaReader } from './mediaFiles.ts'
export type { MediaFileOptions } from './mediaFiles.ts'
export { augmentPicture, augmentSound } from './augment.ts'
export type { PictureAugmentation, SoundAugmentation } from './augment.ts'

// ---- the generated world ----
export {
  judgeScene,
  readSaid,
  readScene,
  readTones,
  worldDocument,
  worldFingerprint,
  worldItem,
  worldMixture,
  worldQuestions,
  worldTasks,
} from './world/index.ts'
export type { Wanted, WorldOptions, WorldQuestion, WorldSplit, WorldTask } from './world/index.ts'

// ---- long contexts: needles, texts read twice ----
export {
  generatedFiller,
  LongLoader,
  needleDocument,
  needleKinds,
  needleProbe,
  NeedleWriter,
  shortestProbe,
  streamFiller,
  twiceDocument,
} from './needles/index.ts'
export type {
  AskedFact,
  Filler,
  LongDocument,
  LongLoaderOptions,
  LongLoaderState,
  LongSort,
  NeedleDocument,
  NeedleFact,
  NeedleKind,
  NeedleSources,
  NeedleSplit,
} from './needles/index.ts'
