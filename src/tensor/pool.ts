// Memory of tensors: blocks that are kept and used again.
//
// A training step allocates the same sizes over and over. A freed block goes to the list of its size class
// and the next tensor of that class takes it back, most recently used first (it is still in cache), so after
// the first step nothing is allocated and the resident size stays flat. Classes are an eighth of a power of
// two apart: at most 12.5 % of a block is unused.
import { kernels } from '../native/index.ts'

/** What the pool holds, in bytes. */
export interface PoolStats {
  /** Obtained from the system and not given back. */
  residentBytes: number
  /** Of those, in use by tensors. */
  usedBytes: number
}

/** Bytes of the block that a request gets: a multiple of 64. */
export function sizeClass(bytes: number): number {
  if (bytes <= 512) return Math.max(64, Math.ceil(bytes / 64) * 64)
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 3)
  return Math.ceil(bytes / step) * step
}

export class MemoryPool {
  readonly #free = new Map<number, ArrayBuffer[]>()
  #resident = 0
  #idle = 0
  // A tensor outside every scope may be collected without a release; its block is gone, not free.
  readonly #collected = new FinalizationRegistry<number>((bytes) => {
    this.#resident -= bytes
  })

  /** A 64-byte aligned block of sizeClass(bytes); contents undefined. */
  take(bytes: number): ArrayBuffer {
    const size = sizeClass(bytes)
    const block = this.#free.get(size)?.pop()
    if (block) {
      this.#idle -= size
      return block
    }
    const fresh = kernels.allocate(size)
    this.#resident += size
    this.#collected.register(fresh, size, fresh)
    return fresh
  }

  /** Takes back a block from `take`; nothing may use it any more. */
  give(block: ArrayBuffer): void {
    const size = block.byteLength
    const list = this.#free.get(size)
    if (list) list.push(block)
    else this.#free.set(size, [block])
    this.#idle += size
  }

  /** Returns every idle block to the system. */
  trim(): void {
    for (const list of this.#free.values()) {
      for (const block of list) {
        this.#collected.unregister(block)
        this.#resident -= block.byteLength
        kernels.release(block)
      }
    }
    this.#free.clear()
    this.#idle = 0
  }

  stats(): PoolStats {
    return { residentBytes: this.#resident, usedBytes: this.#resident - this.#idle }
  }
}

/** The pool of all tensors. */
export const memoryPool: MemoryPool = new MemoryPool()
