// Which tokens may come next, as one bit a token.
//
// Most tokens are decided by the term that is being read, whatever lies below it on the stack: those that end
// within it, and those that no way of it begins. They are found by one walk of the tree of tokens and kept with the
// term (the context-independent tokens of XGrammar, Dong et al. 2024); strings and numbers are the same terms in every grammar. Only from the
// nodes where the term may end in the middle of a token, a second walk goes on with the stack.
import type { Place, State, States } from './states.ts'
import { EMPTY, NONE, type Term } from './term.ts'
import type { GrammarVocabulary } from './vocabulary.ts'

/** What a term alone says. */
interface Inside {
  /** Tokens that stay within it: as bits, or as ids where there are few. */
  bits: Uint32Array | undefined
  ids: Int32Array | undefined
  /** Nodes after which it may have ended, and that longer tokens go through. */
  exits: Int32Array
  /** Nodes where the walk was broken off with tokens below. */
  deep: Int32Array
}

/**
 * Bytes of a token that a term with counts is followed for; the few longer tokens are read anew every time. Else the longest
 * token (a hundred blanks) would decide how soon counts matter.
 */
const SHORT = 24

/** Bytes of masks to keep, of terms and of states each. */
const MOST_KEPT = 64 << 20

/** What all grammars over one vocabulary know together. */
export class TermMasks {
  readonly vocabulary: GrammarVocabulary
  /** Of whole walks, and of those broken off. */
  #known = [new WeakMap<Term, Inside>(), new WeakMap<Term, Inside>()]
  #bytes = 0
  readonly #way: Term[] = []

  constructor(vocabulary: GrammarVocabulary) {
    this.vocabulary = vocabulary
  }

  of(term: Term): Inside {
    const { terms, longest } = this.vocabulary
    const most = term.countless ? longest : Math.min(longest, SHORT)
    const cut = terms.cut(term, most)
    const at = most === longest ? 0 : 1
    let inside = this.#known[at].get(cut)
    if (!inside) {
      inside = this.#walk(cut, most)
      const { bits, ids, exits, deep } = inside
      this.#bytes += (bits?.byteLength ?? 0) + (ids?.byteLength ?? 0) + exits.byteLength + deep.byteLength + 100
      if (this.#bytes > MOST_KEPT) {
        this.#known = [new WeakMap(), new WeakMap()]
        this.#bytes = 0
      }
      this.#known[at].set(cut, inside)
    }
    return inside
  }

  #walk(term: Term, most: number): Inside {
    const { terms, byte, depth, end, firstId, ids, size } = this.vocabulary
    const way = this.#way
    way[0] = term
    const [found, exits, deep]: [number[], number[], number[]] = [[], [], []]
    for (let node = 1; node < byte.length;) {
      const before = way[depth[node] - 1]
      const after = (before.row ?? terms.row(before))[byte[node]]
      if (after === NONE) {
        node = end[node]
        continue
      }
      for (let i = firstId[node]; i < firstId[node + 1]; i++) found.push(ids[i])
      const isInner = end[node] > node + 1
      if (isInner && depth[node] === most) {
        deep.push(node)
        node = end[node]
        continue
      }
      if (after.nullable && isInner) exits.push(node)
      way[depth[node]] = after
      node = after === EMPTY ? end[node] : node + 1
    }
    way.length = 0
    const isFew = found.length < size / 32
    const bits = isFew ? undefined : new Uint32Array((size + 31) >> 5)
    if (bits) for (const id of found) bits[id >> 5] |= 1 << (id & 31)
    return {
      bits,
      ids: isFew ? Int32Array.from(found) : undefined,
      exits: Int32Array.from(exits),
      deep: Int32Array.from(deep),
    }
  }
}

/** Masks of the states of one grammar. */
export class StateMasks {
  readonly #terms: TermMasks
  readonly #states: States
  readonly #way: State[] = []
  #kept: State[] = []

  constructor(terms: TermMasks, states: States) {
    this.#terms = terms
    this.#states = states
  }

  /** Bit `id & 31` of word `id >> 5` says whether a token may follow. Shared: do not change it. */
  of(state: State): Uint32Array {
    if (state.mask) return state.mask
    const mask = this.#compute(state)
    if (this.#kept.length * mask.byteLength > MOST_KEPT) {
      for (const old of this.#kept) old.mask = undefined
      this.#kept = []
    }
    this.#kept.push(state)
    return (state.mask = mask)
  }

  #compute(state: State): Uint32Array {
    const { size, stopIds } = this.#terms.vocabulary
    const mask = new Uint32Array((size + 31) >> 5)
    if (state.places.some(({ kind }) => kind === 'free')) fillOnes(mask, size)
    else this.#addTerms(state, mask)
    for (const id of stopIds) {
      if (state.accepts) mask[id >> 5] |= 1 << (id & 31)
      else mask[id >> 5] &= ~(1 << (id & 31))
    }
    for (const place of state.places) if (place.kind === 'token') mask[place.token >> 5] |= 1 << (place.token & 31)
    return mask
  }

  #addTerms(state: State, mask: Uint32Array): void {
    const deep = new Set<number>()
    for (const [term, places] of byTerm(state)) {
      const inside = this.#terms.of(term)
      this.#addTerm(inside, places, mask)
      for (const node of inside.deep) deep.add(node)
    }
    const { tokens, ids, firstId, depth } = this.#terms.vocabulary
    for (const node of deep) {
      // the first token below spells the way to the node
      const bytes = tokens[ids[firstId[node]]]!
      let at = state
      for (let i = 0; i < depth[node]; i++) at = this.#states.step(at, bytes[i])
      if (at !== this.#states.dead) this.#addBelow(node, at, mask)
    }
  }

  #addTerm({ bits, ids, exits }: Inside, places: readonly Place[], mask: Uint32Array): void {
    if (bits) for (let word = 0; word < mask.length; word++) mask[word] |= bits[word]
    if (ids) for (const id of ids) mask[id >> 5] |= 1 << (id & 31)
    if (exits.length === 0) return
    const after = this.#states.afterTerms(places)
    if (after.places.every(({ kind }) => kind === 'token')) return
    for (const node of exits) this.#addBelow(node, after, mask)
  }

  /** Tokens below a node that the state at the node can read. */
  #addBelow(top: number, state: State, mask: Uint32Array): void {
    const { byte, depth, end, firstId, ids } = this.#terms.vocabulary
    const [way, states] = [this.#way, this.#states]
    way[depth[top]] = state
    for (let node = top + 1; node < end[top];) {
      const after = states.step(way[depth[node] - 1], byte[node])
      if (after === states.dead) {
        node = end[node]
        continue
      }
      for (let i = firstId[node]; i < firstId[node + 1]; i++) mask[ids[i] >> 5] |= 1 << (ids[i] & 31)
      way[depth[node]] = after
      node++
    }
  }
}

/** The places of a state that read the same term. */
function byTerm(state: State): Map<Term, Place[]> {
  const groups = new Map<Term, Place[]>()
  for (const place of state.places) {
    if (place.kind !== 'term') continue
    const group = groups.get(place.term)
    if (group) group.push(place)
    else groups.set(place.term, [place])
  }
  return groups
}

function fillOnes(mask: Uint32Array, size: number): void {
  mask.fill(0xffffffff)
  if ((size & 31) !== 0) mask[mask.length - 1] = 2 ** (size & 31) - 1
}
