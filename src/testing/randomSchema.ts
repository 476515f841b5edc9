// Random JSON Schemas with values that they allow, for tests of what writes JSON.
import type { Rng } from '../util/index.ts'

export type JsonSchema = Record<string, unknown>

/** A schema and a source of values it allows, keys in the order of the schema. */
export interface SchemaCase {
  schema: JsonSchema
  value: (rng: Rng) => unknown
}

const LETTERS = Array.from('abcxyzABC019 _-.,:;{}[]"\\/\n\té漢🙂\u0007\u2028')
const PATTERNS: readonly (readonly [pattern: string, examples: readonly string[]])[] = [
  ['^[a-z]+$', ['a', 'hello']],
  ['^[A-Z]{2}-\\d{3,5}$', ['AB-123', 'XY-99999']],
  ['^(red|green|blue)?$', ['', 'red', 'blue']],
  ['\\d', ['1', 'a1"b', 'é7']],
  ['^[^"a]*x', ['x', '\\x\n"a']],
  ['^\\w+(\\.\\w+)*@\\w+\\.(com|org)$', ['me@x.com', 'a.b@c_d.org']],
  ['^\\p{Lu}', ['É', 'Zz']],
]
const FORMATS: Readonly<Record<string, readonly string[]>> = {
  date: ['2024-02-29', '1999-12-31'],
  'date-time': ['2024-01-31T23:59:59Z', '2024-06-30T00:00:00.125+02:00'],
  time: ['12:00:00Z'],
  uuid: ['123e4567-e89b-12d3-a456-426614174000'],
  email: ['someone@example.org'],
  ipv4: ['127.0.0.1', '255.0.30.199'],
  uri: ['https://example.org/a/b?c=d#e'],
}

/** Regular expressions of the formats that `randomSchema` uses, for a validator that knows none. */
export const FORMAT_CHECKS: Readonly<Record<string, (text: string) => boolean>> = {
  date: (text) => isDate(text),
  'date-time': (text) => isDate(text.slice(0, 10)) && text[10] === 'T' && isTime(text.slice(11)),
  time: (text) => isTime(text),
  uuid: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
  email: (text) => /^[^\s@]+@[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(text),
  ipv4: (text) => /^(\d{1,3}\.){3}\d{1,3}$/.test(text) && text.split('.').every((part) => Number(part) < 256),
  uri: (text) => URL.canParse(text) && /^[a-z]/i.test(text),
}

function isDate(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`)
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

function isTime(text: string): boolean {
  return /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/.test(text)
}

const pick = <T>(rng: Rng, items: readonly T[]): T => items[rng.integer(items.length)]

function text(rng: Rng, min = 0, max = min + 6): string {
  return Array.from({ length: min + rng.integer(max - min + 1) }, () => pick(rng, LETTERS)).join('')
}

/** A random schema; `depth` bounds its nesting. */
export function randomSchema(rng: Rng, depth = 3): SchemaCase {
  const made = makers(rng, depth)
  const isRecursive = rng.integer(6) === 0
  if (!isRecursive) return made
  const link = { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] }
  const node = { type: 'object', properties: { v: made.schema, next: link }, required: ['v', 'next'] }
  const value = (r: Rng, left = 3): unknown => ({
    v: made.value(r),
    next: left > 0 && r.integer(2) === 0 ? value(r, left - 1) : null,
  })
  return {
    schema: { $defs: { node }, type: 'object', properties: { root: { $ref: '#/$defs/node' } }, required: ['root'] },
    value: (r) => ({ root: value(r) }),
  }
}

function makers(rng: Rng, depth: number): SchemaCase {
  const plain = [stringCase, integerCase, numberCase, enumCase, flagCase, stringCase]
  const nested = [objectCase, objectCase, objectCase, arrayCase, tupleCase, unionCase, allOfCase, mapCase]
  return pick(rng, depth > 0 ? [...nested, ...plain] : plain)(rng, depth - 1)
}

function stringCase(rng: Rng): SchemaCase {
  const kind = rng.integer(5)
  if (kind === 0) {
    const [pattern, examples] = pick(rng, PATTERNS)
    return { schema: { type: 'string', pattern }, value: (r) => pick(r, examples) }
  }
  if (kind === 1) {
    const format = pick(rng, Object.keys(FORMATS))
    return { schema: { type: 'string', format }, value: (r) => pick(r, FORMATS[format]) }
  }
  if (kind === 2) {
    const minLength = rng.integer(5)
    const maxLength = minLength + rng.integer(20)
    return { schema: { type: 'string', minLength, maxLength }, value: (r) => text(r, minLength, maxLength) }
  }
  if (kind === 3) {
    const schema = { type: 'string', pattern: '^[a-z ]*$', minLength: 3, maxLength: 9 }
    return { schema, value: (r) => 'some words'.slice(0, 3 + r.integer(7)) }
  }
  return { schema: { type: 'string' }, value: (r) => text(r) }
}

function integerCase(rng: Rng): SchemaCase {
  const low = rng.integer(3) === 0 ? undefined : rng.integer(2000) - 1000
  const high = rng.integer(3) === 0 ? undefined : (low ?? -50) + rng.integer(10 ** rng.integer(6)) + 8
  const multipleOf = rng.integer(4) === 0 ? 2 + rng.integer(6) : 1
  const schema: JsonSchema = { type: 'integer' }
  if (low !== undefined) schema[rng.integer(2) === 0 ? 'minimum' : 'exclusiveMinimum'] = low
  if (high !== undefined) schema[rng.integer(2) === 0 ? 'maximum' : 'exclusiveMaximum'] = high
  if (multipleOf > 1) schema.multipleOf = multipleOf
  const from = (low ?? (high ?? 0) - 40) + 1
  const to = (high ?? from + 40) - 1
  const multiple = (x: number): number => {
    const up = Math.ceil(x / multipleOf) * multipleOf
    return (up <= to ? up : up - multipleOf) || 0
  }
  return { schema, value: (r) => multiple(from + r.integer(to - from + 1)) }
}

function numberCase(rng: Rng): SchemaCase {
  const low = Math.round(rng.normal() * 1000) / 10 ** rng.integer(4)
  const high = low + 1 + Math.round(rng.uniform() * 5000) / 10 ** rng.integer(3)
  const isFree = rng.integer(3) === 0
  const schema: JsonSchema = isFree ? { type: 'number' } : { type: 'number', minimum: low, exclusiveMaximum: high }
  // few digits: between open limits, long fractions are not written
  const round = (x: number): number => Math.round(Math.min(Math.max(x, low), high - 0.5) * 1000) / 1000
  return {
    schema,
    value: (r) => (isFree ? pick(r, [0, 1.5, -2e-9, 1e21, 123456789, -0.25]) : round(low + r.uniform() * (high - low))),
  }
}

function enumCase(rng: Rng): SchemaCase {
  const all = ['a', 'ab', 'b"c', 'é', '', 3, -1.5, true, null, [1, 'x'], { k: 'v' }]
  const values = Array.from({ length: 1 + rng.integer(5) }, () => pick(rng, all))
  const unique = [...new Map(values.map((value) => [JSON.stringify(value), value])).values()]
  if (unique.length === 1) return { schema: { const: unique[0] }, value: () => unique[0] }
  return { schema: { enum: unique }, value: (r) => pick(r, unique) }
}

function flagCase(): SchemaCase {
  return { schema: { type: ['boolean', 'null'] }, value: (r) => pick(r, [true, false, null]) }
}

const NAMES = ['id', 'name', 'a', 'ab', 'longer key', 'q"uote', 'ünï', 'tags', 'items', 'x']

function objectCase(rng: Rng, depth: number): SchemaCase {
  const names = rng.shuffle([...NAMES]).slice(0, rng.integer(6))
  const fields = names.map((name) => ({ name, isRequired: rng.integer(2) === 0, of: makers(rng, depth) }))
  const schema: JsonSchema = {
    type: 'object',
    properties: Object.fromEntries(fields.map(({ name, of }) => [name, of.schema])),
    required: fields.filter(({ isRequired }) => isRequired).map(({ name }) => name),
  }
  if (rng.integer(2) === 0) schema.additionalProperties = false
  return {
    schema,
    value: (r) =>
      Object.fromEntries(
        fields
          .filter(({ isRequired }) => isRequired || r.integer(2) === 0)
          .map(({ name, of }) => [name, of.value(r)] as const),
      ),
  }
}

function mapCase(rng: Rng, depth: number): SchemaCase {
  const of = makers(rng, depth)
  const maxProperties = 2 + rng.integer(3)
  const schema = {
    type: 'object',
    properties: { known: { type: 'integer' } },
    required: ['known'],
    additionalProperties: of.schema,
    maxProperties,
  }
  const keys = (r: Rng): string[] => [...NAMES].slice(0, r.integer(maxProperties))
  return { schema, value: (r) => ({ known: 1, ...Object.fromEntries(keys(r).map((key) => [key, of.value(r)])) }) }
}

function arrayCase(rng: Rng, depth: number): SchemaCase {
  const of = makers(rng, depth)
  const minItems = rng.integer(3)
  const maxItems = minItems + rng.integer(4)
  const schema: JsonSchema = { type: 'array', items: of.schema, minItems }
  if (rng.integer(3) > 0) schema.maxItems = maxItems
  return {
    schema,
    value: (r) => Array.from({ length: minItems + r.integer(maxItems - minItems + 1) }, () => of.value(r)),
  }
}

function tupleCase(rng: Rng, depth: number): SchemaCase {
  const parts = [makers(rng, depth), makers(rng, depth)]
  const rest = rng.integer(2) === 0 ? false : { type: 'boolean' }
  const schema = { type: 'array', prefixItems: parts.map((part) => part.schema), items: rest, minItems: 1 }
  return {
    schema,
    value: (r) => {
      const length = 1 + r.integer(rest === false ? 2 : 4)
      return [...parts.map((part) => part.value(r)), true, false].slice(0, length)
    },
  }
}

function unionCase(rng: Rng, depth: number): SchemaCase {
  const kind = (of: SchemaCase, name: string): SchemaCase => ({
    schema: { type: 'object', properties: { kind: { const: name }, of: of.schema }, required: ['kind', 'of'] },
    value: (r) => ({ kind: name, of: of.value(r) }),
  })
  const isTagged = rng.integer(2) === 0
  const options = ['one', 'two', 'three'].map((name) =>
    isTagged ? kind(makers(rng, depth), name) : makers(rng, depth),
  )
  return {
    schema: { [isTagged ? 'oneOf' : 'anyOf']: options.map(({ schema }) => schema) },
    value: (r) => pick(r, options).value(r),
  }
}

function allOfCase(rng: Rng, depth: number): SchemaCase {
  const [a, b] = [makers(rng, depth), makers(rng, depth)]
  return {
    schema: {
      allOf: [
        { type: 'object', properties: { a: a.schema }, required: ['a'] },
        { type: 'object', properties: { b: b.schema } },
      ],
    },
    value: (r) => (r.integer(2) === 0 ? { a: a.value(r) } : { a: a.value(r), b: b.value(r) }),
  }
}
