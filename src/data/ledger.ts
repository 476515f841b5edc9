// What a corpus left out, and why.
//
// Reading never stops at a bad file: it notes it here and goes on. `skipped` counts what is left out on
// purpose (a minified bundle, a duplicate); `rejected` lists what was meant to be read and could not be.

/** Why something was left out on purpose. */
export type SkipReason =
  | 'other file type'
  | 'minified'
  | 'table of data'
  | 'binary'
  | 'too large'
  | 'duplicate'
  | 'empty'
  | 'no text'
  | 'describes the data'
  | 'symbolic link'
  | 'over the limit'

/** Something that was meant to be read and could not be. */
export interface Rejection {
  /** File, with the line or row where it broke: FILE:LINE. */
  path: string
  reason: string
}

/** The list is cut here, the count goes on: a broken file of a million lines must not fill the memory. */
const listedRejections = 1000

/** Collects what one corpus leaves out. */
export class Ledger {
  /** Count per reason. */
  readonly skipped = new Map<SkipReason, number>()
  /** The first thousand; `rejectedCount` has them all. */
  readonly rejected: Rejection[] = []
  rejectedCount = 0
  /** Extensions of files in given folders that no reader takes, with their counts. */
  readonly otherExtensions = new Map<string, number>()
  /** Byte sequences that were no UTF-8 and now read U+FFFD, and the documents that hold them. */
  replacedSequences = 0
  repairedDocuments = 0

  skip(reason: SkipReason): void {
    this.skipped.set(reason, (this.skipped.get(reason) ?? 0) + 1)
  }

  skipExtension(extension: string): void {
    this.skip('other file type')
    this.otherExtensions.set(extension, (this.otherExtensions.get(extension) ?? 0) + 1)
  }

  reject(path: string, reason: string, row?: number): void {
    this.rejectedCount++
    if (this.rejected.length < listedRejections) {
      this.rejected.push({ path: row === undefined ? path : `${path}:${row}`, reason })
    }
  }

  repaired(replaced: number): void {
    if (replaced === 0) return
    this.replacedSequences += replaced
    this.repairedDocuments++
  }
}
