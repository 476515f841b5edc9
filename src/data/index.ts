// ---- documents and where they come from ----
export { textOf } from './document.ts'
export type { CorpusDocument, Document, FileDataPart, InlineDataPart, Part, Provenance, TextPart } from './document.ts'
export { openCorpus, readSources } from './corpus.ts'
export type { Corpus, CorpusOptions } from './corpus.ts'
export { Ledger } from './ledger.ts'
export type { Rejection, SkipReason } from './ledger.ts'
export type { Source } from './source.ts'
export { fileSource } from './files.ts'
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

// ---- decoded documents ----
export type { MediaPart } from './mediaPart.ts'

// ---- the generated world ----
export * from './world/index.ts'
