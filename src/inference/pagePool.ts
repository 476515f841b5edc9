// Memory for the pages of key-value caches.
//
//   slab, a buffer of up to 1 MiB   | page | page | idle | page | idle | ..        pages of one size
//
// Pages are cut from slabs: a buffer of its own for each would cost an object of JavaScript and, where the allocator maps it
// apart, a page of the system at each end: with 7,000 pages for a million tokens several percent of what they hold.
import { kernels } from '../native/index.ts'

/** Slabs are at most this large, but hold one page at least. */
const slabBytes = 2 ** 20
/** Pages begin at multiples of this, as buffers of their own would. */
const alignment = 64

/** A piece of memory that a pool has given out. */
export interface Page {
  readonly bytes: Uint8Array
  /** Where it lies, for kernels. */
  readonly address: bigint
  readonly slab: Slab
}

/** A buffer that pages are cut from. */
interface Slab {
  readonly buffer: ArrayBuffer
  readonly pageBytes: number
  readonly idle: Page[]
  used: number
}

/** Pages that are taken and given back; idle ones are kept for the next taker. */
export class PagePool {
  /** Slabs by the size of their pages. */
  readonly #slabs = new Map<number, Set<Slab>>()
  /** Slabs that have idle pages, by the size of these. */
  readonly #open = new Map<number, Set<Slab>>()
  #usedBytes = 0
  #idleBytes = 0

  /** Bytes of pages in use. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Bytes of pages that wait for a taker. */
  get idleBytes(): number {
    return this.#idleBytes
  }

  /** A page of exactly so many bytes; contents undefined. */
  take(bytes: number): Page {
    const open = setOf(this.#open, bytes)
    const [first] = open
    const slab = first ?? this.#newSlab(bytes)
    const page = slab.idle.pop()!
    slab.used++
    if (slab.idle.length === 0) open.delete(slab)
    this.#usedBytes += bytes
    this.#idleBytes -= bytes
    return page
  }

  /** Takes a page back; nothing may use it any more. */
  give(page: Page): void {
    const { slab } = page
    slab.idle.push(page)
    slab.used--
    setOf(this.#open, slab.pageBytes).add(slab)
    this.#usedBytes -= slab.pageBytes
    this.#idleBytes += slab.pageBytes
  }

  /** Gives slabs without a page in use to the system. */
  trim(): void {
    let freed = 0
    for (const [bytes, slabs] of this.#slabs) {
      for (const slab of slabs) {
        if (slab.used > 0) continue
        slabs.delete(slab)
        setOf(this.#open, bytes).delete(slab)
        freed += slab.idle.length * bytes
        kernels.release(slab.buffer)
      }
    }
    if (freed === 0) return
    this.#idleBytes -= freed
    // the engine of JavaScript frees what it let go of in a turn to come
    setImmediate(() => {
      kernels.trim()
    }).unref()
  }

  #newSlab(pageBytes: number): Slab {
    const stride = Math.ceil(pageBytes / alignment) * alignment
    const count = Math.max(1, Math.floor(slabBytes / stride))
    const buffer = kernels.allocate(count * stride)
    const slab: Slab = { buffer, pageBytes, idle: [], used: 0 }
    const address = BigInt(kernels.addressOf(new Uint8Array(buffer)))
    // the last comes first off the end of the list, so pages are taken in the order of their addresses
    for (let i = count - 1; i >= 0; i--) {
      const bytes = new Uint8Array(buffer, i * stride, pageBytes)
      slab.idle.push({ bytes, address: address + BigInt(i * stride), slab })
    }
    setOf(this.#slabs, pageBytes).add(slab)
    setOf(this.#open, pageBytes).add(slab)
    this.#idleBytes += count * pageBytes
    return slab
  }
}

function setOf(map: Map<number, Set<Slab>>, bytes: number): Set<Slab> {
  const known = map.get(bytes)
  if (known) return known
  const fresh = new Set<Slab>()
  map.set(bytes, fresh)
  return fresh
}
