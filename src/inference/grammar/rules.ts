// A context-free grammar whose letters are regular terms: what nests is a rule, everything else is a term.
//
//   rule    -> one of several sequences of symbols
//   symbol  -> term | rule | a symbol from min to max times | a special token | free text with triggers
import { PolluxError } from '../../util/index.ts'
import { EMPTY, type Term } from './term.ts'

export type Sym = { readonly id: number } & (
  | { readonly kind: 'term'; readonly term: Term }
  | { readonly kind: 'rule'; options: readonly (readonly Sym[])[] }
  /** `body` is never nothing. */
  | { readonly kind: 'times'; readonly body: Sym; readonly min: number; readonly max: number }
  | { readonly kind: 'token'; readonly token: number }
  | { readonly kind: 'free'; readonly triggers: ReadonlyMap<number, Sym> }
)

export type RuleSym = Extract<Sym, { kind: 'rule' }>

let nextId = 0

export const termSym = (term: Term): Sym => ({ id: nextId++, kind: 'term', term })
/** A rule; fill `options` later where it refers to itself. */
export const ruleSym = (options: readonly (readonly Sym[])[] = []): RuleSym => ({ id: nextId++, kind: 'rule', options })
export const tokenSym = (token: number): Sym => ({ id: nextId++, kind: 'token', token })
export const timesSym = (body: Sym, min: number, max: number): Sym => ({ id: nextId++, kind: 'times', body, min, max })
export const freeSym = (triggers: ReadonlyMap<number, Sym>): Sym => ({ id: nextId++, kind: 'free', triggers })

/** Symbols of one rule, in the order they are met. */
function childrenOf(sym: Sym): readonly Sym[] {
  if (sym.kind === 'rule') return sym.options.flat()
  if (sym.kind === 'times') return [sym.body]
  return sym.kind === 'free' ? [...sym.triggers.values()] : []
}

/** All symbols that a symbol leads to. */
function reachable(root: Sym): Set<Sym> {
  const found = new Set([root])
  for (const sym of found) for (const child of childrenOf(sym)) found.add(child)
  return found
}

/**
 * Drops options that can never end, and checks what is left.
 *
 * @throws PolluxError when the whole can never end, or a rule begins with itself
 */
export function checkRules(root: Sym): void {
  const all = reachable(root)
  const ends = fixpoint(all, (sym, known) => {
    if (sym.kind === 'rule') return sym.options.some((option) => option.every((part) => known.has(part)))
    if (sym.kind === 'times') return sym.min === 0 || known.has(sym.body)
    return true
  })
  if (!ends.has(root)) {
    throw new PolluxError('grammar: a schema must allow a value that ends, got none', {
      hint: 'a property that leads back to its own schema must be optional, or allow null; counts must be possible',
    })
  }
  for (const sym of all) {
    if (sym.kind === 'rule') sym.options = sym.options.filter((option) => option.every((part) => canBe(part, ends)))
  }
  checkLeft(root)
}

function canBe(sym: Sym, ends: ReadonlySet<Sym>): boolean {
  return ends.has(sym) && (sym.kind !== 'times' || ends.has(sym.body) || sym.max === 0)
}

function fixpoint(all: ReadonlySet<Sym>, holds: (sym: Sym, known: ReadonlySet<Sym>) => boolean): Set<Sym> {
  const known = new Set<Sym>()
  for (let size = -1; size !== known.size;) {
    size = known.size
    for (const sym of all) if (!known.has(sym) && holds(sym, known)) known.add(sym)
  }
  return known
}

/** Refuses a rule that may come to itself before anything is written. */
function checkLeft(root: Sym): void {
  const all = reachable(root)
  const nullable = fixpoint(all, (sym, known) => {
    if (sym.kind === 'term') return sym.term.nullable
    if (sym.kind === 'rule') return sym.options.some((option) => option.every((part) => known.has(part)))
    return sym.kind === 'times' && sym.min === 0
  })
  const state = new Map<Sym, 'open' | 'done'>()
  const visit = (sym: Sym): void => {
    if (state.get(sym) === 'done') return
    if (state.get(sym) === 'open') {
      throw new PolluxError('grammar: a schema must not be only a reference to itself, got such a circle')
    }
    state.set(sym, 'open')
    if (sym.kind === 'times') {
      if (nullable.has(sym.body)) throw new PolluxError('grammar: what is repeated must not be able to be nothing')
      visit(sym.body)
    }
    if (sym.kind === 'rule') {
      for (const option of sym.options) {
        for (const part of option) {
          visit(part)
          if (!nullable.has(part)) break
        }
      }
    }
    state.set(sym, 'done')
  }
  for (const sym of all) visit(sym)
}

/** The term of nothing, as a symbol. */
export const NOTHING = termSym(EMPTY)
