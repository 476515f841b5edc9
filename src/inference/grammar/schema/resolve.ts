// References and allOf taken out of a schema, and whether two schemas exclude each other.
import { isRecord } from '../../../util/index.ts'
import { checkKeywords, isAssertion, type Schema, schemaError } from './keywords.ts'
import { mergeSchemas, typesOf } from './merge.ts'

const DEEPEST = 64

export class SchemaResolver {
  readonly #root: unknown

  constructor(root: unknown) {
    this.#root = root
  }

  /** What a reference within the document points to. @throws PolluxError for another one */
  target(ref: string, path: string): unknown {
    if (ref !== '#' && !ref.startsWith('#/')) {
      throw schemaError(path, '$ref must point into the schema itself (#/$defs/...)', JSON.stringify(ref))
    }
    let at: unknown = this.#root
    for (const part of ref.split('/').slice(1)) {
      const name = decode(part).replaceAll('~1', '/').replaceAll('~0', '~')
      const key = name === 'defs' && isRecord(at) && !('defs' in at) ? '$defs' : name
      if (!(isRecord(at) || Array.isArray(at)) || !Object.hasOwn(at, key)) {
        throw schemaError(path, '$ref must point to something', JSON.stringify(ref))
      }
      at = (at as Schema)[key]
    }
    return at
  }

  /** Whether a schema is a reference and nothing else. */
  isPureRef(schema: Schema): boolean {
    return typeof schema.$ref === 'string' && Object.keys(schema).every((key) => key === '$ref' || !isAssertion(key))
  }

  /** A schema without $ref, allOf and const. `true` is {}. @throws PolluxError for what cannot be */
  flatten(schema: unknown, path: string, depth = 0): Schema {
    if (depth > DEEPEST) throw schemaError(path, `references must lead to an end within ${DEEPEST} steps`, 'a circle')
    if (schema === true) return {}
    if (!isRecord(schema)) {
      const actual = schema === false ? 'false, which allows nothing' : JSON.stringify(schema)
      throw schemaError(path, 'a schema must be an object that allows something', actual ?? 'undefined')
    }
    checkKeywords(schema, path)
    const { $ref, allOf, const: value, ...rest } = schema
    let out: Schema = rest
    if ('const' in schema) out = mergeSchemas(out, { enum: [value] }, path)
    if (typeof $ref === 'string') {
      out = mergeSchemas(this.flatten(this.target($ref, path), $ref, depth + 1), out, path)
    }
    if (Array.isArray(allOf)) {
      allOf.forEach((part, i) => {
        out = mergeSchemas(out, this.flatten(part, `${path}/allOf/${i}`, depth + 1), path)
      })
    }
    return out
  }

  /** Whether no value can match both, as far as is easily seen. */
  exclude(a: unknown, b: unknown, path: string, depth = 0): boolean {
    if (depth > 8) return false
    if (a === false || b === false) return true
    const [one, other] = [this.flatten(a, path), this.flatten(b, path)]
    for (const [x, y] of [
      [one, other],
      [other, one],
    ]) {
      const union = (x.anyOf ?? x.oneOf) as unknown[] | undefined
      if (union?.every((option) => this.exclude(option, y, path, depth + 1))) return true
    }
    const [values, others] = [one.enum, other.enum] as (unknown[] | undefined)[]
    if (values && others) {
      const texts = new Set(values.map((value) => JSON.stringify(value)))
      return !others.some((value) => texts.has(JSON.stringify(value)))
    }
    const [types, otherTypes] = [kindsOf(one), kindsOf(other)]
    const shared = types?.filter((type) => otherTypes?.includes(type))
    if (!shared || !otherTypes) return false
    return shared.every((type) => {
      if (type === 'object') return this.#objectsExclude(one, other, path, depth)
      return type === 'number' && (isBelow(one, other) || isBelow(other, one))
    })
  }

  #objectsExclude(a: Schema, b: Schema, path: string, depth: number): boolean {
    const lacks = (has: Schema, closed: Schema): boolean =>
      closed.additionalProperties === false &&
      ((has.required ?? []) as string[]).some((name) => !Object.hasOwn((closed.properties ?? {}) as Schema, name))
    if (lacks(a, b) || lacks(b, a)) return true
    const [ofA, ofB] = [a, b].map(({ properties }) => (properties ?? {}) as Schema)
    const both = ((a.required ?? []) as string[]).filter((name) => ((b.required ?? []) as string[]).includes(name))
    return both.some(
      (name) =>
        Object.hasOwn(ofA, name) &&
        Object.hasOwn(ofB, name) &&
        this.exclude(ofA[name], ofB[name], `${path}/${name}`, depth + 1),
    )
  }
}

/** Types of a schema's values with integers as numbers; undefined: any. */
function kindsOf(schema: Schema): string[] | undefined {
  const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)
  const types = Array.isArray(schema.enum) ? schema.enum.map(kindOf) : typesOf(schema)
  return types && [...new Set(types.map((type) => (type === 'integer' ? 'number' : type)))]
}

function isBelow(a: Schema, b: Schema): boolean {
  const [top, bottom] = [a.maximum ?? a.exclusiveMaximum, b.minimum ?? b.exclusiveMinimum]
  return typeof top === 'number' && typeof bottom === 'number' && top < bottom
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
