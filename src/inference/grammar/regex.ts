// Regular expressions in JavaScript's syntax (with flag u) as terms of bytes.
//
// What a finite automaton cannot know is refused by name: backreferences, lookaround, word boundaries, and anchors
// anywhere but at the ends.
import { PolluxError } from '../../util/index.ts'
import { NONE, type Term, type Terms } from './term.ts'
import { ALL_CHARACTERS, characters, normalRanges, otherRanges, type Range, type Writing } from './unicode.ts'

type Node =
  | { kind: 'chars'; ranges: readonly Range[] }
  | { kind: 'cat'; items: Node[] }
  | { kind: 'alt'; options: Node[] }
  | { kind: 'rep'; body: Node; min: number; max: number }
  | { kind: 'start' }
  | { kind: 'end' }

export interface RegexOptions {
  /** How the text is written: as it is, or as the inside of a JSON string. */
  writing: Writing
  /** 'whole': the text is what the pattern says; 'search': it holds it somewhere, as JSON Schema means it. */
  match: 'whole' | 'search'
}

const LONGEST = 4096
const DEEPEST = 64
const MOST_TIMES = 100_000
const MOST_BRANCHES = 256

/** The texts that a pattern matches. @throws PolluxError for a construct that is no regular language, or bad syntax */
export function regexTerm(terms: Terms, pattern: string, { writing, match }: RegexOptions): Term {
  const node = new RegexParser(pattern).parse()
  const any = terms.rep(characters(terms, ALL_CHARACTERS, writing))
  const build = (at: Node): Term => {
    if (at.kind === 'chars') return characters(terms, at.ranges, writing)
    if (at.kind === 'cat') return terms.seq(at.items.map(build))
    if (at.kind === 'alt') return terms.alt(at.options.map(build))
    if (at.kind === 'rep') return terms.rep(build(at.body), at.min, at.max)
    throw refused(pattern, 'an anchor that is not at an end of the pattern')
  }
  const branches = branchesOf(node, pattern).map(({ items, starts, ends }) => {
    const body = terms.seq(items.map(build))
    if (match === 'whole') return body
    return terms.seq([...(starts ? [] : [any]), body, ...(ends ? [] : [any])])
  })
  const term = terms.alt(branches)
  if (term === NONE) throw refused(pattern, 'a pattern that matches nothing')
  return term
}

function refused(pattern: string, what: string): PolluxError {
  const shown = pattern.length > 60 ? `${pattern.slice(0, 60)}...` : pattern
  return new PolluxError(`grammar: a pattern must be regular, got ${what} in ${JSON.stringify(shown)}`)
}

interface Branch {
  items: Node[]
  starts: boolean
  ends: boolean
}

/** The alternatives of a pattern with their anchors; groups that hold anchors are multiplied out. */
function branchesOf(node: Node, pattern: string): Branch[] {
  const done: Branch[] = []
  const open: Node[][] = [node.kind === 'cat' ? node.items : [node]]
  for (let items = open.pop(); items; items = open.pop()) {
    if (open.length + done.length > MOST_BRANCHES) throw refused(pattern, 'too many alternatives with anchors')
    const at = items.findIndex((item) => (item.kind === 'alt' || item.kind === 'cat') && hasAnchor(item))
    if (at >= 0) {
      const item = items[at]
      const options = item.kind === 'alt' ? item.options : [item]
      for (const option of [...options].reverse()) {
        const inner = option.kind === 'cat' ? option.items : [option]
        open.push([...items.slice(0, at), ...inner, ...items.slice(at + 1)])
      }
      continue
    }
    let [from, to] = [0, items.length]
    while (from < to && items[from].kind === 'start') from++
    while (to > from && items[to - 1].kind === 'end') to--
    done.push({ items: items.slice(from, to), starts: from > 0, ends: to < items.length })
  }
  return done
}

function hasAnchor(node: Node): boolean {
  if (node.kind === 'start' || node.kind === 'end') return true
  if (node.kind === 'cat') return node.items.some(hasAnchor)
  if (node.kind === 'alt') return node.options.some(hasAnchor)
  return node.kind === 'rep' && hasAnchor(node.body)
}

const DIGITS: readonly Range[] = [[48, 57]]
const WORD: readonly Range[] = [...DIGITS, [65, 90], [95, 95], [97, 122]]
const SPACE: readonly Range[] = [
  ...([
    [9, 13],
    [32, 32],
    [0xa0, 0xa0],
    [0x1680, 0x1680],
    [0x2000, 0x200a],
    [0x2028, 0x2029],
  ] as const),
  ...([
    [0x202f, 0x202f],
    [0x205f, 0x205f],
    [0x3000, 0x3000],
    [0xfeff, 0xfeff],
  ] as const),
]
const NOT_DOT: readonly Range[] = [
  [10, 10],
  [13, 13],
  [0x2028, 0x2029],
]
const CLASSES: Readonly<Record<string, readonly Range[]>> = {
  d: DIGITS,
  D: otherRanges(DIGITS),
  w: WORD,
  W: otherRanges(WORD),
  s: SPACE,
  S: otherRanges(SPACE),
}
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 }

class RegexParser {
  readonly #pattern: string
  readonly #chars: readonly string[]
  #at = 0
  #depth = 0

  constructor(pattern: string) {
    this.#pattern = pattern
    this.#chars = Array.from(pattern)
    if (pattern.length > LONGEST) throw this.#refuse(`${pattern.length} characters (at most ${LONGEST})`)
  }

  parse(): Node {
    const node = this.#alternatives()
    if (this.#at < this.#chars.length) throw this.#refuse(`an unmatched '${this.#peek()}'`)
    return node
  }

  #refuse(what: string): PolluxError {
    return refused(this.#pattern, what)
  }

  #peek(text = 1): string {
    return this.#chars.slice(this.#at, this.#at + text).join('')
  }

  #take(text: string): boolean {
    if (this.#peek(text.length) !== text) return false
    this.#at += text.length
    return true
  }

  #alternatives(): Node {
    if (++this.#depth > DEEPEST) throw this.#refuse(`groups ${this.#depth} deep (at most ${DEEPEST})`)
    const options = [this.#sequence()]
    while (this.#take('|')) options.push(this.#sequence())
    this.#depth--
    return options.length === 1 ? options[0] : { kind: 'alt', options }
  }

  #sequence(): Node {
    const items: Node[] = []
    while (this.#at < this.#chars.length && this.#peek() !== '|' && this.#peek() !== ')') {
      items.push(this.#quantified(this.#atom()))
    }
    return items.length === 1 ? items[0] : { kind: 'cat', items }
  }

  #quantified(body: Node): Node {
    const times = this.#times()
    if (!times) return body
    if (hasAnchor(body)) throw this.#refuse('a repeated anchor')
    this.#take('?')
    if (this.#times()) throw this.#refuse('two quantifiers in a row')
    const [min, max] = times
    if (max < min) throw this.#refuse(`a quantifier from ${min} to ${max}`)
    if (min > MOST_TIMES || (max !== Infinity && max > MOST_TIMES)) {
      throw this.#refuse(`a quantifier above ${MOST_TIMES}`)
    }
    return { kind: 'rep', body, min, max }
  }

  #times(): [number, number] | undefined {
    if (this.#take('*')) return [0, Infinity]
    if (this.#take('+')) return [1, Infinity]
    if (this.#take('?')) return [0, 1]
    const braces = /^\{(\d{1,9})(,(\d{1,9})?)?\}/.exec(this.#peek(24))
    if (!braces) return undefined
    this.#at += braces[0].length
    const min = Number(braces[1])
    if (braces[2] === undefined) return [min, min]
    return [min, braces[3] === undefined ? Infinity : Number(braces[3])]
  }

  #atom(): Node {
    if (this.#take('(')) return this.#group()
    if (this.#take('[')) return { kind: 'chars', ranges: this.#class() }
    if (this.#take('^')) return { kind: 'start' }
    if (this.#take('$')) return { kind: 'end' }
    if (this.#take('.')) return { kind: 'chars', ranges: otherRanges(NOT_DOT) }
    if (this.#take('\\')) return { kind: 'chars', ranges: this.#escape(false) }
    const char = this.#peek()
    if (char === '*' || char === '+' || char === '?') throw this.#refuse(`'${char}' with nothing before it`)
    this.#at++
    const code = char.codePointAt(0)!
    return { kind: 'chars', ranges: [[code, code]] }
  }

  #group(): Node {
    for (const [mark, what] of [
      ['?=', 'lookahead'],
      ['?!', 'lookahead'],
      ['?<=', 'lookbehind'],
      ['?<!', 'lookbehind'],
    ]) {
      if (this.#take(mark)) throw this.#refuse(what)
    }
    if (!this.#take('?:')) {
      const name = /^\?<[\p{L}_$][\p{L}\p{N}_$]*>/u.exec(this.#peek(80))
      if (name) this.#at += Array.from(name[0]).length
      else if (this.#peek() === '?') throw this.#refuse(`a group '(${this.#peek(2)}'`)
    }
    const node = this.#alternatives()
    if (!this.#take(')')) throw this.#refuse("a '(' without its ')'")
    return node
  }

  #class(): readonly Range[] {
    const isOther = this.#take('^')
    const ranges: Range[] = []
    while (!this.#take(']')) {
      const from = this.#classAtom()
      if (this.#peek() === '-' && this.#peek(2) !== '-]') {
        this.#at++
        const to = this.#classAtom()
        const single = (r: readonly Range[]): boolean => r.length === 1 && r[0][0] === r[0][1]
        if (!single(from) || !single(to) || to[0][0] < from[0][0]) throw this.#refuse('a range out of order')
        ranges.push([from[0][0], to[0][0]])
      } else ranges.push(...from)
    }
    return isOther ? otherRanges(ranges) : normalRanges(ranges)
  }

  #classAtom(): readonly Range[] {
    if (this.#at >= this.#chars.length) throw this.#refuse("a '[' without its ']'")
    if (this.#take('\\')) return this.#escape(true)
    const code = this.#chars[this.#at++].codePointAt(0)!
    return [[code, code]]
  }

  #escape(inClass: boolean): readonly Range[] {
    if (this.#at >= this.#chars.length) throw this.#refuse("a '\\' at the end")
    const char = this.#chars[this.#at++]
    if (char in CLASSES) return CLASSES[char]
    const one = (code: number): readonly Range[] => [[code, code]]
    if (char in CONTROLS) return one(CONTROLS[char])
    if (char === 'p' || char === 'P') return this.#property(char)
    if (char === 'x' || char === 'u') return one(this.#hex(char))
    if (char === '0' && !/\d/.test(this.#peek())) return one(0)
    if (char === 'b' && inClass) return one(8)
    if (char === 'b' || char === 'B') throw this.#refuse(`a word boundary '\\${char}'`)
    if (char === 'k' || /\d/.test(char)) throw this.#refuse(`a backreference '\\${char}'`)
    if (/[A-Za-z]/.test(char)) throw this.#refuse(`an unknown escape '\\${char}'`)
    return one(char.codePointAt(0)!)
  }

  #hex(char: 'x' | 'u'): number {
    const braces = char === 'u' ? /^\{([0-9a-f]{1,8})\}/i.exec(this.#peek(10)) : null
    const digits = braces ?? (char === 'x' ? /^([0-9a-f]{2})/i : /^([0-9a-f]{4})/i).exec(this.#peek(4))
    if (!digits) throw this.#refuse(`'\\${char}' without its digits`)
    this.#at += digits[0].length
    const code = parseInt(digits[1], 16)
    if (code > 0x10ffff) throw this.#refuse(`'\\u{${digits[1]}}', which is no character`)
    const low = code >= 0xd800 && code < 0xdc00 ? /^\\u(d[c-f][0-9a-f]{2})/i.exec(this.#peek(6)) : null
    if (!low) return code
    this.#at += low[0].length
    return 0x10000 + ((code - 0xd800) << 10) + (parseInt(low[1], 16) - 0xdc00)
  }

  #property(char: string): readonly Range[] {
    const name = /^\{([A-Za-z_=0-9]{1,60})\}/.exec(this.#peek(64))
    if (!name) throw this.#refuse(`'\\${char}' without a name in braces`)
    this.#at += name[0].length
    const ranges = propertyRanges(name[1])
    if (!ranges) throw this.#refuse(`an unknown property '\\${char}${name[0]}'`)
    return char === 'p' ? ranges : otherRanges(ranges)
  }
}

const knownProperties = new Map<string, readonly Range[]>()

/** Characters of a Unicode property: JavaScript's own expressions are asked about each. */
function propertyRanges(name: string): readonly Range[] | undefined {
  const known = knownProperties.get(name)
  if (known) return known
  let test: RegExp
  try {
    test = new RegExp(`^\\p{${name}}$`, 'u')
  } catch {
    return undefined
  }
  const ranges: [number, number][] = []
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code === 0xd800) code = 0xe000
    if (!test.test(String.fromCodePoint(code))) continue
    const last = ranges.at(-1)
    if (last?.[1] === code - 1) last[1] = code
    else ranges.push([code, code])
  }
  if (knownProperties.size > 64) knownProperties.clear()
  knownProperties.set(name, ranges)
  return ranges
}
