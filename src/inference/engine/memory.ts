// The pages of all sequences and of what is kept for later ones, within a budget.
//
//   |  used by sequences  |  promised to them  |  kept in the prefix tree .. gone as it is needed  |   free   |
//
// A sequence starts when the pages of its whole prompt can be had: those it will still take are promised, and promises
// count as used. Kept prefixes give way to whoever needs room.
import type { ModelConfig } from '../../model/index.ts'
import { KvCache } from '../cache.ts'
import type { SharedPage } from '../cachePages.ts'
import { PagePool } from '../pagePool.ts'
import { PrefixTree } from './prefixTree.ts'
import type { EngineSettings } from './options.ts'
import type { Sequence } from './sequence.ts'

/** Tokens that a sequence is promised room for beside its prompt. */
const headroom = 64

export class EngineMemory {
  readonly tree = new PrefixTree()
  readonly prefixStats = { queries: 0, hitTokens: 0, queryTokens: 0 }
  readonly #pool = new PagePool()
  readonly #config: ModelConfig
  readonly #settings: EngineSettings

  constructor(config: ModelConfig, settings: EngineSettings) {
    this.#config = config
    this.#settings = settings
  }

  /** Bytes of pages that are in use or kept. */
  get heldBytes(): number {
    return this.#pool.usedBytes
  }

  /** Whether a sequence of so many tokens could ever be served. */
  fits(tokens: number): boolean {
    return this.#newCache().bytesFor(tokens, this.#settings.chunk) <= this.#settings.cacheBytes
  }

  /**
   * Gives a sequence its cache, begun where the tree knows its text, if room for all of its text can be had beside what is
   * promised to `running`.
   */
  admit(sequence: Sequence, running: readonly Sequence[]): boolean {
    const { cacheBytes, chunk } = this.#settings
    const known = sequence.wantsAllRows ? null : this.tree.match(sequence.keys(sequence.length), sequence.readTo)
    // forked first: what it goes on from cannot be let go of then
    const cache = known?.cache?.fork() ?? this.#newCache()
    const end = Math.min(sequence.length + headroom, this.#config.max_position_embeddings)
    const reserved = cache.bytesFor(end, chunk)
    const promised = running.reduce((sum, other) => sum + stillToCome(other), 0)
    const need = promised + Math.max(0, reserved - cache.bytes)
    if (this.#pool.usedBytes + need > cacheBytes) {
      const used = bytesOf([...running.flatMap((other) => other.cache ?? []), cache, ...this.tree.pinnedCaches()])
      if (used + need > cacheBytes || !this.#makeRoom(need)) {
        cache.release()
        return false
      }
    }
    if (sequence.times.admitted === 0 && !sequence.wantsAllRows) {
      sequence.cachedTokens = cache.length
      this.prefixStats.queries++
      this.prefixStats.hitTokens += cache.length
      this.prefixStats.queryTokens += sequence.length
    }
    sequence.cache = cache
    sequence.reserved = reserved
    sequence.sharedTokens = known?.shared ?? 0
    return true
  }

  /** Makes room for what a pass takes; false where only running sequences could give it. */
  makeRoomFor(parts: readonly { cache: KvCache; rows: number }[]): boolean {
    return this.#makeRoom(parts.reduce((sum, { cache, rows }) => sum + cache.growth(rows), 0))
  }

  /** Keeps the text of a sequence up to where its cache is. */
  keep(sequence: Sequence): void {
    const { cache } = sequence
    if (!cache || cache.length === 0) return
    const keys = sequence.keys(cache.length)
    if (!this.tree.has(keys)) this.tree.insert(keys, cache.fork())
  }

  /** Keeps what a sequence has read until it is unpinned. */
  pin(sequence: Sequence): void {
    this.keep(sequence)
    this.tree.pin(sequence.keys(sequence.cache!.length))
  }

  /** Bytes that sequences use, bytes that are kept for later ones alone, and those taken from the pool that neither holds. */
  stats(running: readonly Sequence[]): { used: number; kept: number; lost: number; total: number } {
    const inUse = running.flatMap(({ cache }) => cache ?? [])
    const [used, held] = [bytesOf(inUse), bytesOf([...inUse, ...this.tree.caches()])]
    return { used, kept: held - used, lost: this.#pool.usedBytes - held, total: this.#settings.cacheBytes }
  }

  /** Gives everything back. */
  clear(): void {
    this.tree.clear()
    this.#pool.trim()
  }

  #newCache(): KvCache {
    return new KvCache(this.#config, { dtype: this.#settings.kvDtype, pool: this.#pool })
  }

  #makeRoom(bytes: number): boolean {
    const { cacheBytes } = this.#settings
    while (this.#pool.usedBytes + bytes > cacheBytes) if (!this.tree.evict()) return false
    // pages of one size are of no use to layers of another
    if (this.#pool.usedBytes + this.#pool.idleBytes > 1.25 * cacheBytes) this.#pool.trim()
    return true
  }
}

/** Bytes promised to a sequence that it has not taken. */
function stillToCome({ cache, reserved, phase }: Sequence): number {
  return cache && phase === 'reading' ? Math.max(0, reserved - cache.bytes) : 0
}

/** Bytes of the pages of some caches, each counted once. */
function bytesOf(caches: readonly KvCache[]): number {
  const pages = new Set<SharedPage>()
  for (const cache of caches) for (const page of cache.heldPages()) pages.add(page)
  let sum = 0
  for (const { page } of pages) sum += page.bytes.byteLength
  return sum
}
