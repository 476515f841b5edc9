// Gemini's Schema (the OpenAPI subset of its API) as JSON Schema.
//
// Types in capitals become lower case, `nullable` a type, whole numbers given as text numbers. JSON Schema passes as
// it is, so that a caller need not know which of the two it has.
import { PolluxError, isRecord } from '../../../util/index.ts'

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']
const NUMBERS = [
  ...['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties', 'minimum', 'maximum'],
  ...['exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
]
const MAPS = ['properties', '$defs', 'definitions', 'defs', 'patternProperties', 'dependentSchemas']
const LISTS = ['anyOf', 'oneOf', 'allOf', 'prefixItems']
const SCHEMAS = ['items', 'additionalProperties', 'not', 'contains', 'propertyNames', 'if', 'then', 'else']
/** OpenAPI's names in the form of protobuf's JSON with underscores. */
const SNAKE: Readonly<Record<string, string>> = {
  any_of: 'anyOf',
  min_items: 'minItems',
  max_items: 'maxItems',
  min_length: 'minLength',
  max_length: 'maxLength',
  min_properties: 'minProperties',
  max_properties: 'maxProperties',
  property_ordering: 'propertyOrdering',
  prefix_items: 'prefixItems',
  additional_properties: 'additionalProperties',
}
const DEEPEST = 100

/**
 * Gemini's Schema as JSON Schema (draft 2020-12 with `propertyOrdering`); leaves JSON Schema as it is. The argument is not
 * changed.
 *
 * @throws PolluxError for something nested too deeply
 */
export function normaliseSchema(schema: unknown, depth = 0): unknown {
  if (depth > DEEPEST) throw new PolluxError(`schema: must nest at most ${DEEPEST} deep, got more`)
  if (!isRecord(schema)) return schema
  const next = (value: unknown): unknown => normaliseSchema(value, depth + 1)
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(schema)) {
    const key = Object.hasOwn(SNAKE, name) ? SNAKE[name] : name
    if (value === undefined) continue
    if (key === 'type') setType(out, value)
    else if (key === 'nullable' && typeof value === 'boolean') continue
    else if (NUMBERS.includes(key)) define(out, key, numberOf(value))
    else if (MAPS.includes(key) && isRecord(value)) {
      const map: Record<string, unknown> = {}
      for (const [property, inner] of Object.entries(value)) define(map, property, next(inner))
      define(out, key === 'defs' ? '$defs' : key, map)
    } else if ((LISTS.includes(key) || key === 'items') && Array.isArray(value)) define(out, key, value.map(next))
    else if (SCHEMAS.includes(key)) define(out, key, next(value))
    else define(out, key, value)
  }
  // Gemini's names for references
  if (typeof schema.ref === 'string' && !('$ref' in schema)) {
    out.$ref = schema.ref
    delete out.ref
  }
  if (out.format === 'enum') delete out.format
  return schema.nullable === true ? withNull(out) : out
}

/** As an own property, whatever its name. */
function define(out: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(out, key, { value, enumerable: true, configurable: true, writable: true })
}

function setType(out: Record<string, unknown>, value: unknown): void {
  const lower = (type: unknown): unknown => {
    if (typeof type !== 'string' || type !== type.toUpperCase()) return type
    return TYPES.includes(type.toLowerCase()) ? type.toLowerCase() : type
  }
  if (value === 'TYPE_UNSPECIFIED') return
  out.type = Array.isArray(value) ? value.map(lower) : lower(value)
}

function numberOf(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value
}

function withNull(schema: Record<string, unknown>): Record<string, unknown> {
  const { type } = schema
  if ('anyOf' in schema && Array.isArray(schema.anyOf) && type === undefined) {
    return { ...schema, anyOf: [...(schema.anyOf as unknown[]), { type: 'null' }] }
  }
  if (type === undefined && !('enum' in schema))
    return '$ref' in schema ? { anyOf: [schema, { type: 'null' }] } : schema
  const out = { ...schema }
  if (typeof type === 'string' && type !== 'null') out.type = [type, 'null']
  else if (Array.isArray(type) && !type.includes('null')) out.type = [...(type as unknown[]), 'null']
  if (Array.isArray(out.enum) && !out.enum.includes(null)) out.enum = [...(out.enum as unknown[]), null]
  return out
}
