// Train and validation: two parts of a corpus that share no text.
//
// By document: a document goes to validation when the hash of its group falls under the share, so its side
// depends on nothing but itself and stays the same when the corpus grows. When that gives a share far from
// the one asked for (a handful of documents, or one that outweighs the rest), the corpus is split by
// position: the end of every long document is validation.
import { hashIntegers } from './permutation.ts'
import { textOf } from './document.ts'
import type { CorpusDocument } from './document.ts'

/** A document, or a part of one, on one side of the split. */
export interface Piece {
  document: CorpusDocument
  text: string
  /** False for a part that the other side goes on with: no end mark follows it. */
  whole: boolean
}

export interface Split {
  train: Piece[]
  validation: Piece[]
  by: 'document' | 'position'
}

/** Shorter documents are not cut. UTF-16 units. */
const shortest = 2000

/**
 * Splits documents into train and validation.
 *
 * @param options.share share of the text for validation, 0 to 0.5. Default 0.05; 0: no validation
 */
export function splitDocuments(documents: CorpusDocument[], { share = 0.05 }: { share?: number } = {}): Split {
  if (!(share >= 0 && share <= 0.5)) throw new RangeError(`splitDocuments: share must be 0 to 0.5, got ${share}`)
  if (share === 0) return { train: documents.map(wholePiece), validation: [], by: 'document' }
  const train: Piece[] = []
  const validation: Piece[] = []
  let held = 0
  let bytes = 0
  for (const document of documents) {
    const isHeld = isHeldOut(document, share)
    ;(isHeld ? validation : train).push(wholePiece(document))
    bytes += document.bytes
    if (isHeld) held += document.bytes
  }
  if (held >= (bytes * share) / 2 && held <= bytes * share * 2) return { train, validation, by: 'document' }
  return splitByPosition(documents, share)
}

function wholePiece(document: CorpusDocument): Piece {
  return { document, text: textOf(document), whole: true }
}

function isHeldOut({ group, hash }: CorpusDocument, share: number): boolean {
  return hashIntegers(...Buffer.from(group ?? hash)) < share * 2 ** 32
}

function splitByPosition(documents: CorpusDocument[], share: number): Split {
  const split: Split = { train: [], validation: [], by: 'position' }
  for (const document of documents) addCut(split, document, { share, atLeast: shortest })
  if (split.validation.length > 0) return split
  // Short documents only: whole ones, and when there is one alone, its end.
  const number = documents.length === 1 ? 0 : Math.max(1, Math.round(documents.length * share))
  const pieces = documents.map(wholePiece)
  if (number > 0) return { train: pieces.slice(0, -number), validation: pieces.slice(-number), by: 'position' }
  split.train = []
  addCut(split, documents[0], { share, atLeast: 2 })
  return split
}

function addCut(split: Split, document: CorpusDocument, { share, atLeast }: { share: number; atLeast: number }): void {
  const text = textOf(document)
  if (text.length < atLeast) {
    split.train.push({ document, text, whole: true })
    return
  }
  const cut = cutPlace(text, share)
  split.train.push({ document, text: text.slice(0, cut), whole: false })
  split.validation.push({ document, text: text.slice(cut), whole: true })
}

/** Near the share, after a line if one ends there, else after a word, else between two characters. */
function cutPlace(text: string, share: number): number {
  const ideal = Math.min(text.length - 1, Math.max(1, Math.floor(text.length * (1 - share))))
  const latest = Math.floor((ideal + text.length) / 2)
  for (const mark of ['\n', ' ']) {
    const at = text.indexOf(mark, ideal - 1)
    if (at >= 0 && at < latest) return at + 1
  }
  const insidePair = /[\uD800-\uDBFF]/.test(text[ideal - 1]) && /[\uDC00-\uDFFF]/.test(text[ideal])
  return insidePair && ideal + 1 < text.length ? ideal + 1 : ideal
}

/** Longer texts may be sampled in part. UTF-16 units. */
const sampledWhole = 2 ** 16

/**
 * Texts for the training of a tokenizer: all of them, or about `maxBytes` spread evenly over the corpus,
 * short documents whole and long ones from their beginning.
 */
export function* sampleTexts(pieces: Piece[], maxBytes = Infinity): Generator<string> {
  const total = pieces.reduce((sum, { text }) => sum + text.length, 0)
  const share = Math.min(1, maxBytes / total)
  // What is owed so far; the first document is taken at once, so that a small sample is not empty.
  let due = Math.min(maxBytes, sampledWhole)
  for (const { text } of pieces) {
    due += text.length * share
    if (share < 1 && due < Math.min(text.length, sampledWhole)) continue
    const sample = share < 1 ? text.slice(0, due) : text
    yield sample
    due -= sample.length
  }
}
