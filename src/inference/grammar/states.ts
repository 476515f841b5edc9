// The states of a grammar while it is read byte by byte: sets of stacks.
//
// A place is a term that is being read, on a stack of symbols still to come; a state is the set of places where reading may
// be. Stacks, places and states are shared (equal ones are one object), so the way on from a state by a byte, and its mask,
// are found once. Every place can come to an end, so any of them may be dropped.
import { type Sym, timesSym } from './rules.ts'
import { EMPTY, NONE, type Term, type Terms } from './term.ts'

/** Symbols still to come. */
export interface Stack {
  readonly id: number
  readonly sym: Sym
  readonly rest: Stack | undefined
  beginnings: State | undefined
}

export type Place = { readonly id: number; readonly rest: Stack | undefined } & (
  | { readonly kind: 'term'; readonly term: Term }
  | { readonly kind: 'token'; readonly token: number }
  | { readonly kind: 'free'; readonly triggers: ReadonlyMap<number, Sym> }
)

export interface State {
  readonly places: readonly Place[]
  /** Whether the text may end here. */
  readonly accepts: boolean
  /** Ways on by byte, as far as they were asked for. */
  next: (State | undefined)[]
  /** The one byte that may follow; -1: none or several; undefined: not asked yet. */
  forced: number | undefined
  mask: Uint32Array | undefined
}

/** Places of one state; an ambiguous grammar may ask for more. */
const MOST_PLACES = 2048
const MOST_REMEMBERED = 50_000

let nextId = 1

/** The states of one grammar, made as they are met. */
export class States {
  readonly terms: Terms
  readonly start: State
  readonly dead: State = { places: [], accepts: false, next: [], forced: -1, mask: undefined }
  readonly end: State = { places: [], accepts: true, next: [], forced: -1, mask: undefined }
  #stacks = new Map<string, Stack>()
  #places = new Map<string, Place>()
  #states = new Map<string, State>()
  #times = new Map<string, Sym>()

  constructor(terms: Terms, root: Sym) {
    this.terms = terms
    this.start = this.beginnings(this.#push(root, undefined))
  }

  /** Forgets what can be made again, when it has become much. */
  #tidy(): void {
    if (this.#stacks.size + this.#places.size + this.#states.size < MOST_REMEMBERED) return
    // what is still in use must not keep all the rest
    for (const state of this.#states.values()) {
      state.next = []
      state.mask = undefined
    }
    for (const stack of this.#stacks.values()) stack.beginnings = undefined
    this.#stacks = new Map()
    this.#places = new Map()
    this.#states = new Map()
    this.#times = new Map()
  }

  #push(sym: Sym, rest: Stack | undefined): Stack {
    const key = `${sym.id},${rest?.id ?? 0}`
    let stack = this.#stacks.get(key)
    if (!stack) this.#stacks.set(key, (stack = { id: nextId++, sym, rest, beginnings: undefined }))
    return stack
  }

  #place(key: string, make: (id: number) => Place): Place {
    let place = this.#places.get(key)
    if (!place) this.#places.set(key, (place = make(nextId++)))
    return place
  }

  #termPlace(term: Term, rest: Stack | undefined): Place {
    return this.#place(`${term.id},${rest?.id ?? 0}`, (id) => ({ id, rest, kind: 'term', term }))
  }

  #state(places: Set<Place>, accepts: boolean): State {
    if (places.size === 0) return accepts ? this.end : this.dead
    const sorted = [...places].sort((a, b) => a.id - b.id).slice(0, MOST_PLACES)
    const key = `${accepts ? 'e' : ''}${sorted.map(({ id }) => id).join()}`
    let state = this.#states.get(key)
    if (!state) {
      state = { places: sorted, accepts, next: [], forced: undefined, mask: undefined }
      this.#states.set(key, state)
    }
    return state
  }

  /** Where the reading of a stack may begin. */
  beginnings(stack: Stack | undefined): State {
    if (!stack) return this.end
    if (stack.beginnings) return stack.beginnings
    const { sym, rest } = stack
    const places = new Set<Place>()
    let accepts = false
    const add = (state: State): void => {
      for (const place of state.places) places.add(place)
      accepts ||= state.accepts
    }
    if (sym.kind === 'term') {
      if (sym.term !== EMPTY) places.add(this.#termPlace(sym.term, rest))
      if (sym.term.nullable) add(this.beginnings(rest))
    } else if (sym.kind === 'rule') {
      for (const option of sym.options) {
        add(this.beginnings(option.reduceRight<Stack | undefined>((on, part) => this.#push(part, on), rest)))
      }
    } else if (sym.kind === 'times') {
      if (sym.max > 0) add(this.beginnings(this.#push(sym.body, this.#onceLess(sym, rest))))
      if (sym.min === 0) add(this.beginnings(rest))
    } else if (sym.kind === 'token') {
      const { token } = sym
      places.add(this.#place(`t${token},${rest?.id ?? 0}`, (id) => ({ id, rest, kind: 'token', token })))
    } else {
      const { triggers } = sym
      places.add(this.#place(`f${sym.id},${rest?.id ?? 0}`, (id) => ({ id, rest, kind: 'free', triggers })))
      accepts = this.beginnings(rest).accepts
    }
    return (stack.beginnings = this.#state(places, accepts))
  }

  #onceLess({ body, min, max }: Extract<Sym, { kind: 'times' }>, rest: Stack | undefined): Stack | undefined {
    if (max === 1) return rest
    const [least, most] = [Math.max(min - 1, 0), max - 1]
    const key = `${body.id},${least},${most}`
    let sym = this.#times.get(key)
    if (!sym) this.#times.set(key, (sym = timesSym(body, least, most)))
    return this.#push(sym, rest)
  }

  /** The state after one byte; `dead` if it may not follow. */
  step(state: State, byte: number): State {
    return state.next[byte] ?? this.#step(state, byte)
  }

  #step(state: State, byte: number): State {
    this.#tidy()
    const places = new Set<Place>()
    let accepts = false
    for (const place of state.places) {
      if (place.kind === 'token') continue
      if (place.kind === 'free') {
        places.add(place)
        accepts ||= this.beginnings(place.rest).accepts
        continue
      }
      const term = this.terms.row(place.term)[byte]
      if (term === NONE) continue
      if (term !== EMPTY) places.add(this.#termPlace(term, place.rest))
      if (!term.nullable) continue
      const after = this.beginnings(place.rest)
      for (const next of after.places) places.add(next)
      accepts ||= after.accepts
    }
    return (state.next[byte] = this.#state(places, accepts))
  }

  /** Where reading may go on when any of several places has come to the end of its term. */
  afterTerms(places: readonly Place[]): State {
    if (places.length === 1) return this.beginnings(places[0].rest)
    const after = new Set<Place>()
    for (const { rest } of places) for (const place of this.beginnings(rest).places) after.add(place)
    return this.#state(after, false)
  }

  /** The state after a special token. */
  stepToken(state: State, token: number): State {
    const places = new Set<Place>()
    let accepts = false
    const add = (after: State): void => {
      for (const place of after.places) places.add(place)
      accepts ||= after.accepts
    }
    for (const place of state.places) {
      if (place.kind === 'token' && place.token === token) add(this.beginnings(place.rest))
      if (place.kind !== 'free') continue
      const then = place.triggers.get(token)
      if (then) add(this.beginnings(this.#push(then, place.rest)))
      else {
        places.add(place)
        accepts ||= this.beginnings(place.rest).accepts
      }
    }
    return this.#state(places, accepts)
  }

  /** The one byte that must follow, or -1. */
  forcedByte(state: State): number {
    return (state.forced ??= this.#forcedByte(state))
  }

  #forcedByte({ places, accepts }: State): number {
    if (accepts) return -1
    let forced = -1
    for (const place of places) {
      if (place.kind !== 'term') return -1
      const row = this.terms.row(place.term)
      for (let byte = 0; byte < 256; byte++) {
        if (row[byte] === NONE || byte === forced) continue
        if (forced >= 0) return -1
        forced = byte
      }
    }
    return forced
  }
}
