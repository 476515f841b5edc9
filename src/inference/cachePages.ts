// Memory of a key-value cache: pages of a few tokens each, so that it grows with use and never copies what it holds.
//
//   full layer      | page | page | page | page ..        one more whenever the last is full
//   sliding layer          | page | page | page           the first goes back when the window has left it: a ring
//
// A page belongs to one layer. Kernels find pages by a table of addresses, so pages of a pool lie where they may: an engine
// can give pages of a finished sequence to another (Kwon et al. 2023, PagedAttention, 2309.06180).
//
// Sequences with the same beginning share its pages. A page is a log: whoever stands at its end may add to it, since the
// others look at what is before their own end only; whoever stands before its end copies it first.
import type { CacheDtype } from '../native/index.ts'
import { ropeAngles, type RopeTurn } from '../nn/index.ts'
import { type KeyValuePages, pageBytes } from '../ops/index.ts'
import type { Page, PagePool } from './pagePool.ts'

export interface LayerPagesOptions {
  kvHeads: number
  headDim: number
  dtype: CacheDtype
  /** Tokens that a row sees, its own included; null: all. */
  window: number | null
  /** Values alone are kept, and keys are made of them by turning so. */
  turn: RopeTurn | null
  pool: PagePool
}

/** Tokens of a page: a window is held in eight pages or more, so that little lies outside of it. */
function pageTokensOf(window: number | null): number {
  return window === null || window >= 2048 ? 256 : window >= 1024 ? 128 : window >= 512 ? 64 : 32
}

/** A page and who looks at it. */
export interface SharedPage {
  readonly page: Page
  /** Sequences that hold it. */
  holders: number
  /** Its first tokens that some holder has written: the only ones that another may not overwrite. */
  filled: number
}

/** The pages of one layer of one sequence. Tokens are named by their place in the sequence. */
export class LayerPages {
  readonly window: number | null
  readonly #options: LayerPagesOptions
  readonly #pageTokens: number
  readonly #pageBytes: number
  #pages: SharedPage[] = []
  /** First token that is kept: the first of the first page. */
  #start = 0
  // Tables in step with the pages, with room to spare.
  #addresses = new BigUint64Array(0)
  #angles: { cos: Float32Array; sin: Float32Array } | null = null
  readonly #slots: { cos: Float32Array; sin: Float32Array } | null

  constructor(options: LayerPagesOptions) {
    const { kvHeads, headDim, dtype, window, turn } = options
    this.#options = options
    this.window = window
    this.#pageTokens = pageTokensOf(window)
    this.#pageBytes = pageBytes({
      ...{ pageTokens: this.#pageTokens, kvHeads, headDim, dtype },
      valuesOnly: turn !== null,
    })
    this.#slots = turn && ropeAngles(places(0, this.#pageTokens), turn)
    this.#angles = turn && { cos: new Float32Array(0), sin: new Float32Array(0) }
  }

  /** First token that is kept; pages count from it. */
  get start(): number {
    return this.#start
  }

  get bytes(): number {
    return this.#pages.length * this.#pageBytes
  }

  /** The pages themselves: to count those that several sequences share. */
  get held(): readonly SharedPage[] {
    return this.#pages
  }

  /** Bytes that `reserve` would take from the pool. */
  growth(from: number, end: number): number {
    const copies = this.#mustCopy(from) ? 1 : 0
    const count = Math.ceil((end - this.#start) / this.#pageTokens)
    return (Math.max(0, count - this.#pages.length) + copies) * this.#pageBytes
  }

  /** Bytes of the pages of a sequence of `from` tokens that reads on to `end`. */
  bytesFor(from: number, end: number): number {
    const start = this.window === null ? 0 : Math.max(0, from - this.window + 1)
    return (Math.ceil(end / this.#pageTokens) - Math.floor(start / this.#pageTokens)) * this.#pageBytes
  }

  /** Makes room for tokens `from` (where the sequence ends) up to, not including, `end`. */
  reserve(from: number, end: number): void {
    const count = Math.ceil((end - this.#start) / this.#pageTokens)
    if (count > this.#addresses.length) this.#widen(Math.max(count, 2 * this.#addresses.length, 16))
    const [at, slot] = this.#placeOf(from)
    if (this.#mustCopy(from)) {
      const page = this.#newPage()
      page.page.bytes.set(this.#pages[at].page.bytes)
      this.#leave(this.#pages[at])
      this.#pages[at] = page
      this.#enter(at, page)
    }
    // claimed at once: another sequence of the same pass that stands here too has to copy
    if (at < this.#pages.length) this.#pages[at].filled = Math.min(this.#pageTokens, slot + end - from)
    while (this.#pages.length < count) {
      const page = this.#newPage()
      page.filled = this.#pageTokens
      this.#enter(this.#pages.length, page)
      this.#pages.push(page)
    }
  }

  /** The sequence ends at `length` (of the tokens reserved some may have been given up): lets go of what no row will see. */
  settle(length: number): void {
    const [at, slot] = this.#placeOf(length)
    if (at < this.#pages.length) this.#pages[at].filled = slot
    this.#forget(length)
  }

  /** The same tokens up to `length` for another sequence, in the same pages. */
  fork(length: number): LayerPages {
    const other = new LayerPages(this.#options)
    const count = Math.ceil((length - this.#start) / this.#pageTokens)
    other.#start = this.#start
    other.#pages = this.#pages.slice(0, count)
    other.#widen(Math.max(count, 1))
    other.#pages.forEach((page, i) => {
      page.holders++
      other.#enter(i, page)
    })
    return other
  }

  /** Gives everything back. */
  release(): void {
    for (const page of this.#pages) this.#leave(page)
    this.#pages = []
    this.#start = 0
  }

  #placeOf(token: number): [page: number, slot: number] {
    const at = Math.floor((token - this.#start) / this.#pageTokens)
    return [at, token - this.#start - at * this.#pageTokens]
  }

  #mustCopy(from: number): boolean {
    const [at, slot] = this.#placeOf(from)
    const page = at < this.#pages.length ? this.#pages[at] : undefined
    return page !== undefined && page.holders > 1 && page.filled > slot
  }

  #newPage(): SharedPage {
    return { page: this.#options.pool.take(this.#pageBytes), holders: 1, filled: 0 }
  }

  #leave(page: SharedPage): void {
    if (--page.holders === 0) this.#options.pool.give(page.page)
  }

  /** Gives back the pages that no row from token `next` on will see. */
  #forget(next: number): void {
    if (this.window === null) return
    const gone = Math.floor((next - this.window + 1 - this.#start) / this.#pageTokens)
    if (gone <= 0) return
    for (const page of this.#pages.splice(0, gone)) this.#leave(page)
    this.#start += gone * this.#pageTokens
    this.#pages.forEach((page, i) => {
      this.#enter(i, page)
    })
  }

  /** The pages as ops take them; holds until the next change. */
  get view(): KeyValuePages {
    const { kvHeads, headDim, dtype } = this.#options
    const [slots, angles] = [this.#slots, this.#angles]
    return {
      ...{ kvHeads, headDim, dtype, pageTokens: this.#pageTokens, origin: this.#start },
      addresses: this.#addresses.subarray(0, this.#pages.length),
      turn: slots && angles && { pageCos: angles.cos, pageSin: angles.sin, slotCos: slots.cos, slotSin: slots.sin },
    }
  }

  #enter(index: number, page: SharedPage): void {
    this.#addresses[index] = page.page.address
    const { turn } = this.#options
    if (!turn || !this.#angles) return
    const { cos, sin } = ropeAngles([this.#start + index * this.#pageTokens], turn)
    this.#angles.cos.set(cos, index * cos.length)
    this.#angles.sin.set(sin, index * sin.length)
  }

  #widen(pages: number): void {
    const addresses = new BigUint64Array(pages)
    addresses.set(this.#addresses)
    this.#addresses = addresses
    if (!this.#angles) return
    const longer = (table: Float32Array): Float32Array => {
      const copy = new Float32Array((pages * this.#options.headDim) / 2)
      copy.set(table)
      return copy
    }
    this.#angles = { cos: longer(this.#angles.cos), sin: longer(this.#angles.sin) }
  }
}

function places(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i)
}
