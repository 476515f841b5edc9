// Two schemas that must both hold, as one.
import { isRecord } from '../../../util/index.ts'
import { isAssertion, type Schema, schemaError } from './keywords.ts'

const LARGER = new Set(['minimum', 'exclusiveMinimum', 'minItems', 'minLength', 'minProperties'])
const SMALLER = new Set(['maximum', 'exclusiveMaximum', 'maxItems', 'maxLength', 'maxProperties'])
const OBJECT = new Set(['properties', 'additionalProperties'])

/** Types of a schema as a list, undefined where it names none. */
export function typesOf(schema: Schema): string[] | undefined {
  if (schema.type === undefined) return undefined
  return Array.isArray(schema.type) ? (schema.type as string[]) : [schema.type as string]
}

/**
 * The schema of values that both allow; neither has $ref, allOf or const. A `pattern` becomes a list of patterns where both
 * have one.
 *
 * @throws PolluxError for keywords that cannot be joined
 */
export function mergeSchemas(a: Schema, b: Schema, path: string): Schema {
  const out: Schema = { ...a }
  for (const [key, value] of Object.entries(b)) {
    if (OBJECT.has(key)) continue
    out[key] = key in a && isAssertion(key) ? mergeKeyword(key, a[key], value, path) : value
  }
  return { ...out, ...mergeObjects(a, b) }
}

function mergeKeyword(key: string, a: unknown, b: unknown, path: string): unknown {
  if (JSON.stringify(a) === JSON.stringify(b)) return a
  if (LARGER.has(key)) return Math.max(a as number, b as number)
  if (SMALLER.has(key)) return Math.min(a as number, b as number)
  if (key === 'type') return mergeTypes([a].flat() as string[], [b].flat() as string[], path)
  if (key === 'required') return [...new Set([...(a as string[]), ...(b as string[])])]
  if (key === 'pattern') return [a, b].flat()
  if (key === 'items' && !Array.isArray(a) && !Array.isArray(b)) return { allOf: [a, b] }
  if (key === 'uniqueItems') return a === true || b === true
  if (key === 'enum') {
    const known = new Set((a as unknown[]).map((value) => JSON.stringify(value)))
    const both = (b as unknown[]).filter((value) => known.has(JSON.stringify(value)))
    if (both.length > 0) return both
    throw schemaError(path, 'schemas that must hold together must share a value', 'none')
  }
  throw schemaError(path, 'schemas that must hold together must not both have the keyword', key)
}

function mergeTypes(a: readonly string[], b: readonly string[], path: string): string[] {
  const isBoth = (type: string, other: readonly string[]): boolean =>
    other.includes(type) || (type === 'integer' && other.includes('number'))
  const both = new Set([...a.filter((type) => isBoth(type, b)), ...b.filter((type) => isBoth(type, a))])
  if (both.size > 0) return [...both]
  throw schemaError(path, 'schemas that must hold together must share a type', `${a.join()} and ${b.join()}`)
}

/** Properties of both: where one has none of a name, its additionalProperties speak. */
function mergeObjects(a: Schema, b: Schema): Schema {
  const out: Schema = {}
  const [ofA, ofB] = [a, b].map(({ properties }) => (isRecord(properties) ? properties : {}))
  const names = new Set([...Object.keys(ofA), ...Object.keys(ofB)])
  if ('properties' in a || 'properties' in b) {
    const properties: Schema = {}
    for (const name of names) {
      const both = [own(ofA, name) ?? a.additionalProperties, own(ofB, name) ?? b.additionalProperties]
      Object.defineProperty(properties, name, { value: bothOf(both[0], both[1]), enumerable: true })
    }
    out.properties = properties
  }
  const rest = bothOf(a.additionalProperties, b.additionalProperties)
  if (rest !== undefined) out.additionalProperties = rest
  return out
}

const own = (map: Schema, name: string): unknown => (Object.hasOwn(map, name) ? map[name] : undefined)

function bothOf(a: unknown, b: unknown): unknown {
  if (a === undefined || a === true || a === b) return b ?? a
  if (b === undefined || b === true) return a
  return a === false || b === false ? false : { allOf: [a, b] }
}
