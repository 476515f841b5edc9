// From what an output must match (GrammarSpec) to a compiled grammar, which any number of texts share.
import { PolluxError } from '../../util/index.ts'
import type { GrammarSpec } from '../engineTypes.ts'
import { StateMasks, TermMasks } from './masks.ts'
import { GrammarMatcher } from './matcher.ts'
import { regexTerm } from './regex.ts'
import { checkRules, freeSym, ruleSym, type Sym, termSym, timesSym, tokenSym } from './rules.ts'
import { SchemaRules } from './schema/schemaRules.ts'
import { States } from './states.ts'
import type { Terms } from './term.ts'
import type { GrammarVocabulary } from './vocabulary.ts'

export interface GrammarOptions {
  /**
   * 'compact': JSON without blanks, as JSON.stringify writes it, so that most of its frame is forced. 'spaced': one blank may
   * follow a comma and a colon. Default 'compact'.
   */
  whitespace?: 'compact' | 'spaced'
}

/** A grammar over a vocabulary; what its states are found out to allow is kept. */
export interface CompiledGrammar {
  /** A new text. */
  matcher(): GrammarMatcher
}

type SpecPart = GrammarSpec | { kind: 'ids'; ids: readonly number[] }

const termMasks = new WeakMap<GrammarVocabulary, TermMasks>()

/**
 * Compiles a grammar; microseconds to milliseconds, masks come as they are asked for.
 *
 * @throws PolluxError for a spec that cannot be: an unsupported keyword of a schema (with its path), a pattern that is not
 * regular, ids that are no tokens
 */
export function compileGrammar(
  spec: GrammarSpec,
  vocabulary: GrammarVocabulary,
  options: GrammarOptions = {},
): CompiledGrammar {
  const root = new SpecRules(vocabulary, options).sym(spec)
  checkRules(root)
  const states = new States(vocabulary.terms, root)
  let shared = termMasks.get(vocabulary)
  if (!shared) termMasks.set(vocabulary, (shared = new TermMasks(vocabulary)))
  const masks = new StateMasks(shared, states)
  return { matcher: () => new GrammarMatcher(vocabulary, states, masks, [states.start]) }
}

/** Keeps the grammars compiled last. */
export class GrammarCache {
  readonly #vocabulary: GrammarVocabulary
  readonly #options: GrammarOptions
  readonly #most: number
  readonly #known = new Map<string, CompiledGrammar>()

  /** @param most grammars to keep. Default 32 */
  constructor(vocabulary: GrammarVocabulary, { most = 32, ...options }: GrammarOptions & { most?: number } = {}) {
    this.#vocabulary = vocabulary
    this.#options = options
    this.#most = most
  }

  /** @throws PolluxError as compileGrammar does */
  compile(spec: GrammarSpec): CompiledGrammar {
    const key = JSON.stringify(spec)
    const known = this.#known.get(key)
    const grammar = known ?? compileGrammar(spec, this.#vocabulary, this.#options)
    this.#known.delete(key)
    this.#known.set(key, grammar)
    if (this.#known.size > this.#most) this.#known.delete(this.#known.keys().next().value!)
    return grammar
  }
}

const DEEPEST = 64
const MOST_VALUES = 100_000

class SpecRules {
  readonly #vocabulary: GrammarVocabulary
  readonly #terms: Terms
  readonly #options: GrammarOptions
  #depth = 0

  constructor(vocabulary: GrammarVocabulary, options: GrammarOptions) {
    this.#vocabulary = vocabulary
    this.#terms = vocabulary.terms
    this.#options = options
  }

  sym(spec: SpecPart): Sym {
    if (++this.#depth > DEEPEST) throw new PolluxError(`grammar: specs must nest at most ${DEEPEST} deep, got more`)
    const sym = this.#sym(spec)
    this.#depth--
    return sym
  }

  #sym(spec: SpecPart): Sym {
    switch (spec.kind) {
      case 'json':
        return new SchemaRules(this.#terms, spec.schema, this.#options).root()
      case 'regex':
        return termSym(regexTerm(this.#terms, spec.pattern, { writing: 'plain', match: 'whole' }))
      case 'enum':
        return this.#enumOf(spec.values)
      case 'sequence':
        return ruleSym([spec.parts.map((part) => this.sym(part))])
      case 'either':
        if (spec.options.length === 0) throw new PolluxError('grammar: either must have an option, got none')
        return ruleSym(spec.options.map((option) => [this.sym(option)]))
      case 'repeat':
        return this.#repeated(spec)
      case 'triggered':
        return freeSym(new Map(spec.triggers.map(({ id, then }) => [this.#token(id), this.sym(then)])))
      case 'ids':
        return ruleSym([spec.ids.map((id) => tokenSym(this.#token(id)))])
      default:
        throw new PolluxError(
          `grammar: kind must be json, regex, enum, sequence, either, repeat or triggered, got ${String((spec as { kind: unknown }).kind)}`,
        )
    }
  }

  #repeated({ of, min, max = Infinity }: Extract<GrammarSpec, { kind: 'repeat' }>): Sym {
    const isCount = (count: number): boolean => Number.isInteger(count) && count >= 0
    if (isCount(min) && (max === Infinity || isCount(max)) && min <= max) return timesSym(this.sym(of), min, max)
    throw new PolluxError(`grammar: repeat must be of min to max times, got ${min} to ${max}`)
  }

  #enumOf(values: readonly string[]): Sym {
    if (values.length === 0 || values.length > MOST_VALUES) {
      throw new PolluxError(`grammar: enum must have 1 to ${MOST_VALUES} values, got ${values.length}`)
    }
    for (const value of values) {
      if (typeof value === 'string' && value.length > 0) continue
      throw new PolluxError(`grammar: values of an enum must be texts, got ${JSON.stringify(value)}`)
    }
    return termSym(this.#terms.literals(values.map((value) => new TextEncoder().encode(value))))
  }

  #token(id: number): number {
    if (Number.isInteger(id) && id >= 0 && id < this.#vocabulary.size) return id
    throw new PolluxError(`grammar: ids must be tokens from 0 to ${this.#vocabulary.size - 1}, got ${id}`)
  }
}
