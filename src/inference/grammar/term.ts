// Regular languages of bytes as terms, and their derivatives (Brzozowski 1964; Owens et al. 2009).
//
// The derivative of a term by a byte is what may follow that byte. Terms are shared (equal terms are one object), so the
// derivatives of a term are the states of its deterministic automaton, made as they are met: a count of 1e9 costs
// nothing until it is used. A term is the empty set only if it is NONE: sets that are empty without looking it (an
// intersection that contradicts itself) are found by search, so that whoever follows living terms can always end.
import { PolluxError } from '../../util/index.ts'

type Shape =
  | { kind: 'none' }
  | { kind: 'empty' }
  /** One byte of a set (256 bits). */
  | { kind: 'bytes'; set: Uint32Array }
  | { kind: 'cat'; first: Term; then: Term }
  | { kind: 'alt'; options: readonly Term[] }
  /** `body` from min to max times; it is never nullable. */
  | { kind: 'rep'; body: Term; min: number; max: number }
  | { kind: 'and'; parts: readonly Term[] }
  | { kind: 'not'; body: Term }
  /** Decimal digits whose number, read after a number of rest `rest`, is divisible. */
  | { kind: 'multiple'; divisor: number; rest: number; ends: boolean }

/** A regular language. Compare by identity. */
export class Term {
  readonly id: number
  readonly shape: Shape
  /** Whether it holds the empty string. */
  readonly nullable: boolean
  /** Bytes at which its derivative may change: bit b says that b may lead elsewhere than b - 1. */
  readonly borders: Uint32Array
  /** Holds no counts, so that cutting them changes nothing. */
  readonly countless: boolean
  /** Derivatives by byte, once asked for. */
  row: readonly Term[] | undefined
  /** Whether it can end, where that had to be searched for. */
  live: boolean | undefined

  constructor(id: number, shape: Shape) {
    this.id = id
    this.shape = shape
    this.nullable = isNullable(shape)
    this.borders = bordersOf(shape)
    this.countless = isCountless(shape)
  }
}

/** More options of one term are dropped: what is left is still right, and still ends. */
const MOST_OPTIONS = 4096
const MOST_SEARCHED = 20_000

function isNullable(shape: Shape): boolean {
  switch (shape.kind) {
    case 'empty':
      return true
    case 'none':
    case 'bytes':
      return false
    case 'cat':
      return shape.first.nullable && shape.then.nullable
    case 'alt':
      return shape.options.some(({ nullable }) => nullable)
    case 'rep':
      return shape.min === 0
    case 'and':
      return shape.parts.every(({ nullable }) => nullable)
    case 'not':
      return !shape.body.nullable
    case 'multiple':
      return shape.ends && shape.rest === 0
  }
}

function bordersOf(shape: Shape): Uint32Array {
  const out = new Uint32Array(8)
  const add = (other: Term): void => other.borders.forEach((bits, i) => (out[i] |= bits))
  const mark = (byte: number): number => (out[byte >> 5] |= 1 << (byte & 31))
  if (shape.kind === 'bytes') {
    for (let byte = 1; byte < 256; byte++) if (hasByte(shape.set, byte) !== hasByte(shape.set, byte - 1)) mark(byte)
  } else if (shape.kind === 'cat') {
    add(shape.first)
    if (shape.first.nullable) add(shape.then)
  } else if (shape.kind === 'alt') shape.options.forEach(add)
  else if (shape.kind === 'and') shape.parts.forEach(add)
  else if (shape.kind === 'rep' || shape.kind === 'not') add(shape.body)
  else if (shape.kind === 'multiple') for (let byte = 48; byte <= 58; byte++) mark(byte)
  return out
}

function isCountless(shape: Shape): boolean {
  if (shape.kind === 'cat') return shape.first.countless && shape.then.countless
  if (shape.kind === 'alt') return shape.options.every(({ countless }) => countless)
  if (shape.kind === 'rep') return shape.body.countless && shape.min <= 1 && shape.max === Infinity
  return true
}

function hasByte(set: Uint32Array, byte: number): boolean {
  return ((set[byte >> 5] >>> (byte & 31)) & 1) === 1
}

let nextId = 0
const make = (shape: Shape): Term => new Term(nextId++, shape)

/** No string at all. */
export const NONE = make({ kind: 'none' })
/** Only the empty string. */
export const EMPTY = make({ kind: 'empty' })

/** Makes terms, so that equal ones are one. */
export class Terms {
  #made = new Map<string, Term>()
  readonly #most: number

  /** @param most terms to remember; then all are forgotten, which only costs time */
  constructor(most = 30_000) {
    this.#most = most
  }

  #intern(key: string, shape: Shape): Term {
    const known = this.#made.get(key)
    if (known) return known
    if (this.#made.size >= this.#most) {
      // what is still in use must not keep all the rest
      for (const old of this.#made.values()) old.row = undefined
      this.#made = new Map()
    }
    const term = make(shape)
    this.#made.set(key, term)
    return term
  }

  #set(set: Uint32Array): Term {
    if (set.every((bits) => bits === 0)) return NONE
    return this.#intern(`b${set.join()}`, { kind: 'bytes', set })
  }

  /** A byte from `from` to `to`. */
  range(from: number, to = from): Term {
    return this.bytes([[from, to]])
  }

  /** A byte of one of the ranges. */
  bytes(ranges: readonly (readonly [number, number])[]): Term {
    const set = new Uint32Array(8)
    for (const [from, to] of ranges) for (let byte = from; byte <= to; byte++) set[byte >> 5] |= 1 << (byte & 31)
    return this.#set(set)
  }

  /** Exactly these bytes. */
  literal(bytes: Uint8Array | string): Term {
    const all = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes
    let term = EMPTY
    for (let i = all.length - 1; i >= 0; i--) term = this.cat(this.range(all[i]), term)
    return term
  }

  /** One of many strings; beginnings they share are shared, so thousands are no matter. */
  literals(strings: readonly Uint8Array[]): Term {
    const sorted = [...strings].sort((a, b) => Buffer.compare(a, b))
    const build = (from: number, to: number, depth: number): Term => {
      const options: Term[] = []
      while (from < to && sorted[from].length === depth) {
        if (options.length === 0) options.push(EMPTY)
        from++
      }
      while (from < to) {
        let end = from + 1
        while (end < to && sorted[end][depth] === sorted[from][depth]) end++
        let same = depth + 1
        if (end === from + 1) same = sorted[from].length
        const rest = end === from + 1 ? EMPTY : build(from, end, same)
        options.push(this.seq([this.literal(sorted[from].subarray(depth, same)), rest]))
        from = end
      }
      return this.alt(options)
    }
    return build(0, sorted.length, 0)
  }

  cat(first: Term, then: Term): Term {
    if (first === NONE || then === NONE) return NONE
    if (first === EMPTY) return then
    if (then === EMPTY) return first
    if (first.shape.kind === 'cat') return this.cat(first.shape.first, this.cat(first.shape.then, then))
    return this.#intern(`c${first.id},${then.id}`, { kind: 'cat', first, then })
  }

  seq(terms: readonly Term[]): Term {
    return terms.reduceRight((rest, term) => this.cat(term, rest), EMPTY)
  }

  alt(terms: readonly Term[]): Term {
    const options = new Set<Term>()
    let set: Uint32Array | undefined
    const add = (term: Term): void => {
      if (term.shape.kind === 'alt') term.shape.options.forEach(add)
      else if (term.shape.kind === 'bytes') {
        const { set: more } = term.shape
        set = set ? set.map((bits, i) => bits | more[i]) : more
      } else if (term !== NONE) options.add(term)
    }
    terms.forEach(add)
    if (set) options.add(this.#set(set))
    if (options.size === 0) return NONE
    const all = [...options].sort((a, b) => a.id - b.id).slice(0, MOST_OPTIONS)
    if (all.length === 1) return all[0]
    return this.#intern(`a${all.map(({ id }) => id).join()}`, { kind: 'alt', options: all })
  }

  optional(term: Term): Term {
    return this.alt([EMPTY, term])
  }

  /** From `min` to `max` of a term one after another. */
  rep(body: Term, min = 0, max = Infinity): Term {
    if (max < min) return NONE
    if (max === 0 || body === EMPTY) return EMPTY
    if (body === NONE) return min === 0 ? EMPTY : NONE
    if (body.nullable) {
      // taken out of it, or the count would mean nothing
      const rest = this.#withoutEmpty(body)
      return rest === NONE ? EMPTY : this.rep(rest, 0, max)
    }
    if (min === 1 && max === 1) return body
    return this.#intern(`r${body.id},${min},${max}`, { kind: 'rep', body, min, max })
  }

  #withoutEmpty(term: Term): Term {
    if (!term.nullable) return term
    const { shape } = term
    if (shape.kind === 'alt') return this.alt(shape.options.map((option) => this.#withoutEmpty(option)))
    if (shape.kind === 'rep') return this.rep(shape.body, 1, shape.max)
    if (shape.kind === 'cat') {
      const first = this.#withoutEmpty(shape.first)
      return this.alt([this.cat(first, shape.then), this.#withoutEmpty(shape.then)])
    }
    if (shape.kind === 'empty') return NONE
    return this.and([term, this.rep(this.range(0, 255), 1)])
  }

  /** Strings that all terms hold. @throws PolluxError when it takes too long to see whether there are any */
  and(terms: readonly Term[]): Term {
    const parts = [...new Set(terms)].sort((a, b) => a.id - b.id)
    if (parts.includes(NONE)) return NONE
    if (parts.length === 1) return parts[0]
    const term = this.#rawAnd(parts)
    const live = this.#isLive(term)
    if (live === undefined) {
      throw new PolluxError('grammar: lengths and patterns of one string must not be this intertwined', {
        hint: 'lower minLength and maxLength, or leave the pattern out',
      })
    }
    return live ? term : NONE
  }

  #rawAnd(parts: readonly Term[]): Term {
    const sorted = [...new Set(parts)].sort((a, b) => a.id - b.id)
    return this.#intern(`n${sorted.map(({ id }) => id).join()}`, { kind: 'and', parts: sorted })
  }

  /** Strings that a term does not hold; only of use as a part of `and`. */
  not(body: Term): Term {
    return this.#intern(`!${body.id}`, { kind: 'not', body })
  }

  /** Digits of a number that `divisor` (at most 1e6) divides. */
  multiple(divisor: number): Term {
    return this.#multiple(divisor, 0, false)
  }

  #multiple(divisor: number, rest: number, ends: boolean): Term {
    return this.#intern(`m${divisor},${rest},${ends}`, { kind: 'multiple', divisor, rest, ends })
  }

  /** Whether an intersection holds any string: a search for an end, remembered. Undefined: it would take too long. */
  #isLive(start: Term): boolean | undefined {
    if (start.live !== undefined) return start.live
    const cameFrom = new Map<Term, Term | undefined>([[start, undefined]])
    const queue = [start]
    for (let i = 0; i < queue.length; i++) {
      const term = queue[i]
      if (term.live === true || term.nullable) {
        for (let on: Term | undefined = term; on; on = cameFrom.get(on)) on.live = true
        return true
      }
      if (queue.length > MOST_SEARCHED) return undefined
      for (const next of this.#rawNext(term)) {
        if (next.live === false || cameFrom.has(next)) continue
        cameFrom.set(next, term)
        queue.push(next)
      }
    }
    for (const term of queue) term.live = false
    return false
  }

  /** Derivatives of an intersection part by part, whether they can end or not. */
  #rawNext(term: Term): Set<Term> {
    const found = new Set<Term>()
    const parts = term.shape.kind === 'and' ? term.shape.parts : [term]
    for (let byte = 0; byte < 256; byte++) {
      if (byte > 0 && !hasByte(term.borders, byte)) continue
      const next = parts.map((part) => this.row(part)[byte])
      if (!next.includes(NONE)) found.add(next.length === 1 ? next[0] : this.#rawAnd(next))
    }
    return found
  }

  /** Derivatives of a term by every byte. */
  row(term: Term): readonly Term[] {
    if (term.row) return term.row
    const row = new Array<Term>(256)
    for (let byte = 0; byte < 256; byte++) {
      row[byte] = byte > 0 && !hasByte(term.borders, byte) ? row[byte - 1] : this.#derive(term, byte)
    }
    return (term.row = row)
  }

  #derive({ shape }: Term, byte: number): Term {
    switch (shape.kind) {
      case 'none':
      case 'empty':
        return NONE
      case 'bytes':
        return hasByte(shape.set, byte) ? EMPTY : NONE
      case 'cat': {
        const inside = this.cat(this.#next(shape.first, byte), shape.then)
        return shape.first.nullable ? this.alt([inside, this.#next(shape.then, byte)]) : inside
      }
      case 'alt':
        return this.alt(shape.options.map((option) => this.#next(option, byte)))
      case 'rep': {
        const next = this.#next(shape.body, byte)
        if (next === NONE) return NONE
        return this.cat(next, this.rep(shape.body, Math.max(shape.min - 1, 0), shape.max - 1))
      }
      case 'and': {
        const parts = shape.parts.map((part) => this.row(part)[byte])
        if (parts.includes(NONE)) return NONE
        // a way whose end is not found in time is not taken; the one that was found when the term was made remains
        const term = this.#rawAnd(parts)
        if (term.live === undefined) term.live = this.#isLive(term) === true
        return term.live ? term : NONE
      }
      case 'not':
        return this.not(this.#next(shape.body, byte))
      case 'multiple':
        if (byte < 48 || byte > 57) return NONE
        return this.#multiple(shape.divisor, (shape.rest * 10 + byte - 48) % shape.divisor, true)
    }
  }

  #next(term: Term, byte: number): Term {
    return term.row ? term.row[byte] : this.#derive(term, byte)
  }

  /**
   * A term that goes the same ways as another for `length` bytes, without the counts that cannot be reached in them: the
   * thousandth character of a string then has the same term as the tenth.
   */
  cut(term: Term, length: number): Term {
    if (term.countless) return term
    const { shape } = term
    if (shape.kind === 'cat') return this.cat(this.cut(shape.first, length), this.cut(shape.then, length))
    if (shape.kind === 'alt') return this.alt(shape.options.map((option) => this.cut(option, length)))
    if (shape.kind !== 'rep') return term
    const { min, max } = shape
    return this.rep(this.cut(shape.body, length), Math.min(min, length + 1), max > length ? Infinity : max)
  }
}
