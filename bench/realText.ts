// Real text for benches that train: the packages under node_modules, tokenised once.
import { openCorpus, type PreparedData, prepareData, sampleTexts, splitDocuments } from '../src/data/index.ts'
import { trainTokenizer } from '../src/tokenizer/index.ts'

export interface RealText {
  vocabSize: number
  /** Loaders in the order of a seed; equal seeds give equal batches. */
  prepare(shape: { batch: number; time: number; seed: number }): Promise<PreparedData>
}

/** Reads the corpus and trains a tokenizer of about `vocabSize` entries on 8 MB of it. */
export async function realText(vocabSize: number): Promise<RealText> {
  const corpus = await openCorpus({})
  const split = splitDocuments(corpus.documents)
  const tokenizer = await trainTokenizer(sampleTexts(split.train, 8e6), { vocabSize })
  return { vocabSize: tokenizer.vocabSize, prepare: (shape) => prepareData(split, tokenizer, shape) }
}
