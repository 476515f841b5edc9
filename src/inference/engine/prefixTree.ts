// What texts have been read before: a tree over their tokens, with caches at some of its points to go on from.
//
//   root ── "You are a helpful .." ──●── "What is 2+2?" ──●── "4" ──●          ● a checkpoint: a KvCache that ends here
//                                    └── "Who wrote .." ──●
//
// A checkpoint holds the pages of full layers, shared with every other checkpoint of the same beginning and with the
// sequences that run, and the window of sliding layers, which is why only checkpoints, and no place between, can be gone
// on from. Where room is needed the one least recently used goes; what others hold of its pages stays. Pinned ones stay.
// (Zheng et al. 2023, SGLang: RadixAttention, 2312.07104; here with windows, as in Gemma.)
import type { KvCache } from '../cache.ts'

interface Node {
  parent: Node | null
  /** Keys from the parent to here; empty at the root. */
  edge: Float64Array
  children: Map<number, Node>
  checkpoint: Checkpoint | null
}

/** A point to go on from. */
interface Checkpoint {
  cache: KvCache
  /** Order of use. */
  used: number
  /** Reasons to keep it. */
  pins: number
}

export interface PrefixMatch {
  /** Tokens of the deepest checkpoint, and its cache; null: none. */
  cache: KvCache | null
  /** Tokens from the start that some text in the tree has too. */
  shared: number
}

export class PrefixTree {
  readonly #root: Node = { parent: null, edge: new Float64Array(0), children: new Map(), checkpoint: null }
  readonly #checkpoints = new Set<Node>()
  #clock = 0

  /** Checkpoints. */
  get size(): number {
    return this.#checkpoints.size
  }

  /** Checkpoints that stay. */
  get pinned(): number {
    return this.pinnedCaches().length
  }

  /** Caches of all checkpoints. */
  caches(): KvCache[] {
    return [...this.#checkpoints].flatMap(({ checkpoint }) => checkpoint?.cache ?? [])
  }

  /** Caches of the checkpoints that stay. */
  pinnedCaches(): KvCache[] {
    return [...this.#checkpoints].flatMap(({ checkpoint }) =>
      checkpoint && checkpoint.pins > 0 ? [checkpoint.cache] : [],
    )
  }

  /**
   * The deepest checkpoint of at most `limit` tokens that `keys` begin with, and how far they are known at all. The cache
   * stays the tree's: fork it.
   */
  match(keys: Float64Array, limit: number): PrefixMatch {
    const found: Checkpoint[] = []
    const { shared } = this.#descend(keys, ({ checkpoint }, depth) => {
      if (checkpoint && depth <= limit) found.push(checkpoint)
    })
    const deepest = found.at(-1)
    if (deepest) deepest.used = ++this.#clock
    return { cache: deepest?.cache ?? null, shared }
  }

  /** Whether there is a checkpoint exactly after these keys. */
  has(keys: Float64Array): boolean {
    return Boolean(this.#nodeAt(keys)?.checkpoint)
  }

  /** Makes the end of `keys` a checkpoint, unless it is one. Takes over `cache`, which has read just these. */
  insert(keys: Float64Array, cache: KvCache): void {
    const node = this.#grow(keys)
    if (node.checkpoint) {
      node.checkpoint.used = ++this.#clock
      cache.release()
      return
    }
    node.checkpoint = { cache, used: ++this.#clock, pins: 0 }
    this.#checkpoints.add(node)
  }

  /** Keeps the checkpoint after `keys` until as many `unpin`; false where there is none. */
  pin(keys: Float64Array): boolean {
    const checkpoint = this.#nodeAt(keys)?.checkpoint
    if (!checkpoint) return false
    checkpoint.pins++
    return true
  }

  unpin(keys: Float64Array): void {
    const checkpoint = this.#nodeAt(keys)?.checkpoint
    if (checkpoint && checkpoint.pins > 0) checkpoint.pins--
  }

  /** Lets go of the checkpoint least recently used; false where all are pinned or none is. */
  evict(): boolean {
    let oldest: Node | null = null
    for (const node of this.#checkpoints) {
      const { pins, used } = node.checkpoint!
      if (pins === 0 && (!oldest || used < oldest.checkpoint!.used)) oldest = node
    }
    if (!oldest) return false
    this.#drop(oldest)
    return true
  }

  /** Lets go of everything. */
  clear(): void {
    for (const node of [...this.#checkpoints]) this.#drop(node)
  }

  #drop(node: Node): void {
    node.checkpoint?.cache.release()
    node.checkpoint = null
    this.#checkpoints.delete(node)
    // points that lead nowhere go too, and those that only pass on become part of an edge
    let at = node
    while (at.parent && !at.checkpoint && at.children.size === 0) {
      at.parent.children.delete(at.edge[0])
      at = at.parent
    }
    if (at.parent && !at.checkpoint && at.children.size === 1) joinWithChild(at)
  }

  /** Follows keys as far as they lead. `visit` is told every node on the way and its depth. */
  #descend(
    keys: Float64Array,
    visit?: (node: Node, depth: number) => void,
  ): { node: Node; depth: number; shared: number } {
    let node = this.#root
    let depth = 0
    for (;;) {
      const child = depth < keys.length ? node.children.get(keys[depth]) : undefined
      if (!child) return { node, depth, shared: depth }
      const same = commonLength(child.edge, keys.subarray(depth))
      if (same < child.edge.length) return { node, depth, shared: depth + same }
      node = child
      depth += same
      visit?.(node, depth)
    }
  }

  #nodeAt(keys: Float64Array): Node | null {
    const { node, depth } = this.#descend(keys)
    return depth === keys.length ? node : null
  }

  /** The node at the end of `keys`, made where there is none. */
  #grow(keys: Float64Array): Node {
    const { node, depth, shared } = this.#descend(keys)
    if (depth === keys.length) return node
    const child = node.children.get(keys[depth])
    const middle = child && shared > depth ? split(child, shared - depth) : node
    if (shared === keys.length) return middle
    const leaf: Node = { parent: middle, edge: keys.slice(shared), children: new Map(), checkpoint: null }
    middle.children.set(leaf.edge[0], leaf)
    return leaf
  }
}

function commonLength(a: Float64Array, b: Float64Array): number {
  const most = Math.min(a.length, b.length)
  for (let i = 0; i < most; i++) if (a[i] !== b[i]) return i
  return most
}

/** Puts a node into the middle of the edge to `node`. */
function split(node: Node, at: number): Node {
  const middle: Node = { parent: node.parent, edge: node.edge.slice(0, at), children: new Map(), checkpoint: null }
  node.parent?.children.set(middle.edge[0], middle)
  node.edge = node.edge.slice(at)
  node.parent = middle
  middle.children.set(node.edge[0], node)
  return middle
}

/** Takes a node out between its parent and its only child. */
function joinWithChild(node: Node): void {
  const [child] = node.children.values()
  const edge = new Float64Array(node.edge.length + child.edge.length)
  edge.set(node.edge)
  edge.set(child.edge, node.edge.length)
  child.edge = edge
  child.parent = node.parent
  node.parent?.children.set(edge[0], child)
}
