// From a JSON Schema to rules: every value it describes, in the text that JSON.stringify would give it.
//
// Properties come in the order of `propertyOrdering`, then of `properties`; optional ones may be left out. An object that
// lists its properties and says nothing of others has no others; a tuple that says nothing of what follows ends: a
// narrower language than the schema's, never a wider one.
import type { GrammarOptions } from '../compile.ts'
import { FORMATS, formatTerm } from '../formats.ts'
import { anyString, quoted, stringCharacter } from '../jsonText.ts'
import { numberTerm } from '../numbers.ts'
import { regexTerm } from '../regex.ts'
import { type RuleSym, ruleSym, type Sym, termSym, timesSym } from '../rules.ts'
import { NONE, type Term, type Terms } from '../term.ts'
import { ALL_CHARACTERS, characters } from '../unicode.ts'
import { type Schema, schemaError } from './keywords.ts'
import { mergeSchemas, typesOf } from './merge.ts'
import { normaliseSchema } from './normalise.ts'
import { ObjectRules } from './objectRules.ts'
import { SchemaResolver } from './resolve.ts'

const MOST_RULES = 20_000
const ALL_TYPES = ['object', 'array', 'string', 'number', 'boolean', 'null']
/** Formats that say how a text or number is stored, not what it holds. */
const STORAGE_FORMATS = ['float', 'double', 'int32', 'int64', 'password', 'binary', 'enum', 'unknown']
/** Types that keywords speak of, where a schema names none. */
const SPEAKS_OF: Readonly<Record<string, string>> = {
  ...{ properties: 'object', required: 'object', additionalProperties: 'object' },
  ...{ minProperties: 'object', maxProperties: 'object' },
  ...{ items: 'array', prefixItems: 'array', minItems: 'array', maxItems: 'array', uniqueItems: 'array' },
  ...{ minLength: 'string', maxLength: 'string', pattern: 'string', format: 'string' },
  ...{ minimum: 'number', maximum: 'number', exclusiveMinimum: 'number', exclusiveMaximum: 'number' },
  multipleOf: 'number',
}

export class SchemaRules {
  readonly terms: Terms
  /** Text after a comma and a colon. */
  readonly blank: Term
  readonly #root: unknown
  readonly #resolver: SchemaResolver
  readonly #known = new Map<object, RuleSym>()
  #any: RuleSym | undefined
  #rules = 0

  /** @param schema JSON Schema or Gemini's Schema */
  constructor(terms: Terms, schema: unknown, { whitespace = 'compact' }: GrammarOptions = {}) {
    this.terms = terms
    this.blank = whitespace === 'spaced' ? terms.optional(terms.range(32)) : terms.literal('')
    this.#root = normaliseSchema(schema)
    this.#resolver = new SchemaResolver(this.#root)
  }

  /** @throws PolluxError naming the keyword and its path, for what cannot be kept */
  root(): Sym {
    return this.value(this.#root, '#')
  }

  /** A text of the frame, then a blank where those are allowed. */
  frame(text: string, hasBlank = false): Sym {
    const literal = this.terms.literal(text)
    return termSym(hasBlank ? this.terms.cat(literal, this.blank) : literal)
  }

  rule(path: string, options: readonly (readonly Sym[])[] = []): RuleSym {
    if (++this.#rules > MOST_RULES) throw schemaError(path, `a schema must need at most ${MOST_RULES} rules`, 'more')
    return ruleSym(options)
  }

  /** The values of a schema. */
  value(schema: unknown, path: string): Sym {
    if (schema === true) return this.any()
    if (typeof schema !== 'object' || schema === null) {
      this.#resolver.flatten(schema, path)
      throw new Error('internal: a schema that is no object was taken')
    }
    const known = this.#known.get(schema)
    if (known) return known
    const rule = this.rule(path)
    this.#known.set(schema, rule)
    rule.options = this.#optionsOf(schema as Schema, path)
    return rule
  }

  #optionsOf(schema: Schema, path: string): Sym[][] {
    if (this.#resolver.isPureRef(schema)) {
      const ref = schema.$ref as string
      return [[this.value(this.#resolver.target(ref, path), ref)]]
    }
    const flat = this.#resolver.flatten(schema, path)
    for (const key of ['anyOf', 'oneOf'] as const) {
      if (!Array.isArray(flat[key])) continue
      const { [key]: options, ...rest } = flat
      if (key === 'oneOf') this.#checkExclusive(options as unknown[], rest, `${path}/oneOf`)
      return this.#unionOf(options as unknown[], rest, `${path}/${key}`)
    }
    if (Array.isArray(flat.enum)) return [[termSym(this.#enumTerm(flat, path))]]
    const types = typesOf(flat) ?? this.#spokenOf(flat)
    if (!types) return [[this.any()]]
    return types.map((type) => [this.#ofType(type, flat, path)])
  }

  #unionOf(options: readonly unknown[], rest: Schema, path: string): Sym[][] {
    return options.flatMap((option, i) => {
      if (option === false) return []
      const place = `${path}/${i}`
      const isAlone = Object.keys(rest).every((key) => !['type'].includes(key) && !(key in SPEAKS_OF) && key !== 'enum')
      if (isAlone && !('anyOf' in rest) && !('oneOf' in rest)) return [[this.value(option, place)]]
      return [[this.value(mergeSchemas(rest, this.#resolver.flatten(option, place), place), place)]]
    })
  }

  #checkExclusive(options: readonly unknown[], rest: Schema, path: string): void {
    const whole = options.map((option) => (option === false ? false : { allOf: [rest, option] }))
    whole.forEach((a, i) => {
      whole.slice(i + 1).forEach((b, j) => {
        if (this.#resolver.exclude(a, b, path)) return
        throw schemaError(
          path,
          'options must exclude each other plainly (other types, or a required property with other constants)',
          `${i} and ${i + j + 1}`,
          'write anyOf instead',
        )
      })
    })
  }

  #spokenOf(flat: Schema): string[] | undefined {
    const types = new Set(Object.keys(flat).flatMap((key) => SPEAKS_OF[key] ?? []))
    return types.size > 0 ? [...types] : undefined
  }

  #ofType(type: string, flat: Schema, path: string): Sym {
    const { terms } = this
    if (type === 'null') return termSym(terms.literal('null'))
    if (type === 'boolean') return termSym(terms.literals([Buffer.from('true'), Buffer.from('false')]))
    if (type === 'string') return termSym(quoted(terms, this.#stringTerm(flat, path)))
    if (type === 'object') return new ObjectRules(this, flat, path).sym()
    if (type === 'array') return this.#array(flat, path)
    return termSym(this.#numberTerm(type === 'integer', flat, path))
  }

  #numberTerm(integer: boolean, flat: Schema, path: string): Term {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, format } = flat as Record<string, number>
    const limits = { integer, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }
    if ((format as unknown) === 'int32') {
      limits.minimum = Math.max(minimum ?? -(2 ** 31), -(2 ** 31))
      limits.maximum = Math.min(maximum ?? 2 ** 31 - 1, 2 ** 31 - 1)
    }
    try {
      return numberTerm(this.terms, limits)
    } catch (error) {
      throw schemaError(path, 'a number must be possible', (error as Error).message.replace(/^grammar: /, ''))
    }
  }

  /** Inside of a string. */
  #stringTerm(flat: Schema, path: string): Term {
    const { terms } = this
    const { minLength = 0, maxLength = Infinity } = flat as Record<string, number | undefined>
    const patterns = [flat.pattern ?? []].flat() as string[]
    const parts = patterns.map((pattern) => regexTerm(terms, pattern, { writing: 'json', match: 'search' }))
    if (typeof flat.format === 'string' && !STORAGE_FORMATS.includes(flat.format)) {
      const format = formatTerm(terms, flat.format)
      if (!format) throw schemaError(path, `format must be one of ${FORMATS.join(', ')}`, JSON.stringify(flat.format))
      parts.push(format)
    }
    if (parts.length === 0) {
      const free = terms.rep(stringCharacter(terms), minLength, maxLength)
      if (free === NONE) throw schemaError(path, 'minLength must be at most maxLength', `${minLength} and ${maxLength}`)
      return free
    }
    if (minLength > 0 || maxLength < Infinity) {
      parts.push(terms.rep(characters(terms, ALL_CHARACTERS, 'json'), minLength, maxLength))
    }
    const inside = terms.and(parts)
    if (inside === NONE) throw schemaError(path, 'some text must keep pattern, format and length', 'none')
    return inside
  }

  #enumTerm(flat: Schema, path: string): Term {
    const types = typesOf(flat)
    const values = (flat.enum as unknown[]).filter((value) => !types || types.some((type) => isOfType(value, type)))
    const kept = values.filter((value) => this.#keeps(value, flat, path))
    if (kept.length === 0) throw schemaError(path, 'some value of the enum must be allowed', 'none')
    return this.terms.literals(
      [...new Set(kept.map((value) => JSON.stringify(value)))].map((text) => Buffer.from(text)),
    )
  }

  /** Whether a constant keeps the other keywords beside it. */
  #keeps(value: unknown, flat: Schema, path: string): boolean {
    const speaksOf = (type: string): boolean => Object.keys(flat).some((key) => SPEAKS_OF[key] === type)
    if (typeof value === 'string' && speaksOf('string')) {
      const text = Buffer.from(JSON.stringify(value).slice(1, -1))
      // as written: `é` and not its escape
      return text.reduce((at: Term, byte) => this.terms.row(at)[byte], this.#stringTerm(flat, path)).nullable
    }
    if (typeof value === 'number' && speaksOf('number')) {
      const {
        minimum = -Infinity,
        maximum = Infinity,
        exclusiveMinimum = -Infinity,
        exclusiveMaximum = Infinity,
      } = flat as Record<string, number | undefined>
      const { multipleOf } = flat as Record<string, number | undefined>
      const isBetween = value >= minimum && value <= maximum && value > exclusiveMinimum && value < exclusiveMaximum
      return isBetween && (multipleOf === undefined || Number.isInteger(value / multipleOf))
    }
    const type = Array.isArray(value) ? 'array' : 'object'
    if (typeof value === 'object' && value !== null && speaksOf(type)) {
      throw schemaError(path, `enum of ${type}s must stand without keywords of ${type}s`, 'both')
    }
    return true
  }

  #array(flat: Schema, path: string): Sym {
    const { minItems: min = 0, maxItems: max = Infinity } = flat as Record<string, number | undefined>
    // before draft 2020-12 a list of `items` was a tuple
    const isOld = Array.isArray(flat.items)
    const prefix = (isOld ? flat.items : (flat.prefixItems ?? [])) as unknown[]
    const rest = isOld ? flat.additionalItems : flat.items
    if (flat.uniqueItems === true && max > 1) {
      throw schemaError(path, 'keywords must be ones that can be kept', '"uniqueItems"', 'leave the keyword out')
    }
    const tuple = prefix.slice(0, max).map((item, i) => this.value(item, `${path}/prefixItems/${i}`))
    const isClosed = rest === false || (rest === undefined && prefix.length > 0 && min <= prefix.length)
    const item = isClosed ? undefined : this.value(rest ?? true, `${path}/items`)
    const [comma, close] = [this.frame(',', true), this.frame(']')]
    const from = (i: number): Sym => {
      const options: Sym[][] = []
      if (i < tuple.length) {
        if (i >= min) options.push([close])
        options.push(i > 0 ? [comma, tuple[i], from(i + 1)] : [tuple[i], from(i + 1)])
      } else {
        if (i >= min && (i === 0 || !item)) options.push([close])
        if (item && max > i) {
          const more = this.rule(path, [[comma, item]])
          if (i === 0) options.push([item, timesSym(more, Math.max(min - 1, 0), max - 1), close])
          else options.push([timesSym(more, Math.max(min - i, 0), max - i), close])
        } else if (item && i > 0 && i >= min) options.push([close])
      }
      return this.rule(path, options)
    }
    return this.rule(path, [[this.frame('['), from(0)]])
  }

  /** Any JSON value. */
  any(): Sym {
    if (this.#any) return this.#any
    const any = (this.#any = ruleSym())
    any.options = ALL_TYPES.map((type) => [this.#ofType(type, {}, '#')])
    return any
  }

  /** Any key but some, with its quotes. */
  otherKey(names: readonly Uint8Array[]): Term {
    const { terms } = this
    if (names.length === 0) return anyString(terms)
    const any = terms.rep(characters(terms, ALL_CHARACTERS, 'json'))
    return quoted(terms, terms.and([any, terms.not(terms.literals(names))]))
  }
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}
