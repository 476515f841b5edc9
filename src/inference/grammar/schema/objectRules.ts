// The rules of one object: its properties in order, then others where they are allowed.
//
// A rule stands for a place between two properties: how many are decided, whether one was written already (a comma must
// come), and, where properties are counted, how many were written.
import { escaped } from '../jsonText.ts'
import { type RuleSym, type Sym, termSym, timesSym } from '../rules.ts'
import { type Schema, schemaError } from './keywords.ts'
import type { SchemaRules } from './schemaRules.ts'

interface Property {
  key: Sym
  keyAfterComma: Sym
  value: Sym
  isRequired: boolean
}

const MOST_PROPERTIES = 1000
const MOST_COUNTED = 128

export class ObjectRules {
  readonly #rules: SchemaRules
  readonly #path: string
  readonly #properties: Property[] = []
  /** A further property, and one after a comma. */
  readonly #other: { first: Sym[]; more: Sym } | undefined
  readonly #min: number
  readonly #max: number
  readonly #isCounted: boolean
  readonly #known = new Map<string, RuleSym>()

  constructor(rules: SchemaRules, schema: Schema, path: string) {
    this.#rules = rules
    this.#path = path
    const { minProperties = 0, maxProperties = Infinity } = schema as Record<string, number | undefined>
    this.#min = minProperties
    this.#max = maxProperties
    this.#isCounted = minProperties > 0 || maxProperties < Infinity
    const properties = (schema.properties ?? {}) as Schema
    const others = schema.additionalProperties ?? (schema.properties === undefined ? true : undefined)
    const required = new Set((schema.required ?? []) as string[])
    const names = this.#namesInOrder(schema, properties, required)
    for (const name of names) {
      const inner = Object.hasOwn(properties, name) ? properties[name] : (others ?? true)
      if (inner === false && !required.has(name)) continue
      const isRequired = required.has(name)
      this.#properties.push(this.#property(name, inner, isRequired))
    }
    if (others !== undefined && others !== false) this.#other = this.#others(others, names)
  }

  #namesInOrder(schema: Schema, properties: Schema, required: ReadonlySet<string>): string[] {
    const ordering = Array.isArray(schema.propertyOrdering) ? (schema.propertyOrdering as string[]) : []
    const first = ordering.filter((name) => Object.hasOwn(properties, name))
    const names = [...new Set([...first, ...Object.keys(properties), ...required])]
    const most = this.#isCounted ? MOST_COUNTED : MOST_PROPERTIES
    if (names.length > most) {
      throw schemaError(this.#path, `an object must have at most ${most} properties`, String(names.length))
    }
    return names
  }

  #property(name: string, schema: unknown, isRequired: boolean): Property {
    const path = `${this.#path}/properties/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const { terms, blank } = this.#rules
    const key = terms.cat(terms.literal(`${JSON.stringify(name)}:`), blank)
    return {
      key: termSym(key),
      keyAfterComma: termSym(terms.seq([terms.literal(','), blank, key])),
      value: this.#rules.value(schema, path),
      isRequired,
    }
  }

  #others(schema: unknown, names: readonly string[]): { first: Sym[]; more: Sym } {
    const { terms, blank } = this.#rules
    const key = this.#rules.otherKey(names.map(escaped))
    const first = termSym(terms.seq([key, terms.literal(':'), blank]))
    const value = this.#rules.value(schema, `${this.#path}/additionalProperties`)
    const comma = this.#rules.frame(',', true)
    return { first: [first, value], more: this.#rules.rule(this.#path, [[comma, first, value]]) }
  }

  sym(): Sym {
    return this.#rules.rule(this.#path, [[this.#rules.frame('{'), this.#from(0, true, 0)]])
  }

  /** What may come when `at` properties are decided and `count` are written. */
  #from(at: number, isFirst: boolean, count: number): Sym {
    const key = `${at},${isFirst},${count}`
    const known = this.#known.get(key)
    if (known) return known
    const rule = this.#rules.rule(this.#path)
    this.#known.set(key, rule)
    if (at === this.#properties.length) {
      rule.options = this.#ending(isFirst, count)
      return rule
    }
    const { key: plain, keyAfterComma, value, isRequired } = this.#properties[at]
    const options: Sym[][] = []
    const counted = this.#isCounted ? count + 1 : 0
    if (count < this.#max) options.push([isFirst ? plain : keyAfterComma, value, this.#from(at + 1, false, counted)])
    if (!isRequired) options.push([this.#from(at + 1, isFirst, count)])
    rule.options = options
    return rule
  }

  #ending(isFirst: boolean, count: number): Sym[][] {
    const close = this.#rules.frame('}')
    const [need, room] = [this.#min - count, this.#max - count]
    const options: Sym[][] = []
    if (!this.#other) return need <= 0 ? [[close]] : []
    // keys may come twice, so that only one of the others is sure to count
    if (need > 1) return []
    const { first, more } = this.#other
    if (!isFirst) return [[timesSym(more, Math.max(need, 0), room), close]]
    if (need <= 0) options.push([close])
    if (room >= 1) options.push([...first, timesSym(more, 0, room - 1), close])
    return options
  }
}
