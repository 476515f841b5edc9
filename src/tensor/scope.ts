// Memory scopes: every tensor made inside one is freed when it ends.
//
//   using scope = memoryScope()
//   const y = linear(x, w)           freed at the closing brace
//   return scope.keep(geglu(y))      lives on in the scope around this one
//
// JavaScript's garbage collector does not see how large a tensor is and comes when it likes; a scope ends
// exactly where its block ends. Scopes nest. A tensor made outside of all scopes lives until it is released
// or collected. Code that awaits inside a scope must not let other code open scopes meanwhile.
import { memoryPool } from './pool.ts'

/** A block of memory with one owner: the scope that will free it, or none. */
export class Storage {
  readonly buffer: ArrayBuffer
  owner: MemoryScope | null = null
  released = false

  constructor(bytes: number) {
    this.buffer = memoryPool.take(bytes)
  }

  /** Frees the block at once; a second call does nothing. */
  release(): void {
    if (this.released) return
    this.released = true
    memoryPool.give(this.buffer)
  }

  /** Lets another scope (or none) decide about the end of this block. */
  moveTo(scope: MemoryScope | null): void {
    if (this.owner === scope) return
    this.owner = scope
    scope?.own(this)
  }
}

const scopes: MemoryScope[] = []

/** The innermost open scope. */
export function currentScope(): MemoryScope | null {
  return scopes.at(-1) ?? null
}

export class MemoryScope {
  readonly #parent: MemoryScope | null
  #storages: Storage[] = []

  constructor() {
    this.#parent = currentScope()
    scopes.push(this)
  }

  /** Adds a block to what this scope frees. */
  own(storage: Storage): void {
    storage.owner = this
    this.#storages.push(storage)
  }

  /** Hands a tensor of this scope to the scope around it (or to nobody), and returns it. */
  keep<T extends { readonly storage: Storage }>(tensor: T): T {
    if (tensor.storage.owner === this) tensor.storage.moveTo(this.#parent)
    return tensor
  }

  [Symbol.dispose](): void {
    const index = scopes.lastIndexOf(this)
    if (index >= 0) scopes.splice(index, 1)
    for (const storage of this.#storages) if (storage.owner === this) storage.release()
    this.#storages = []
  }
}

/** Opens a scope: `using scope = memoryScope()`. */
export function memoryScope(): MemoryScope {
  return new MemoryScope()
}
