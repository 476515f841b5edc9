// A source: something that yields documents in a fixed order.
//
// Files and the packages under node_modules are sources; folders of images or sound, crawls and archives
// become others. A source notes what it leaves out in the ledger and throws only when it cannot begin.
import type { Document } from './document.ts'
import type { Ledger } from './ledger.ts'

export interface Source {
  /** What a person calls it: the path as given, or 'node_modules'. */
  readonly name: string
  /** Reads the documents; the same files give the same documents in the same order. */
  documents(ledger: Ledger): AsyncGenerator<Document>
}
