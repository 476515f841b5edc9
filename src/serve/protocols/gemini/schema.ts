// Gemini's Schema (an OpenAPI subset with types in capitals) as plain JSON Schema.
import { isRecord } from '../../../util/index.ts'
import { invalid } from '../../serveError.ts'
import { enumValue, Fields } from './fields.ts'

const types = ['STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL'] as const
const deepest = 64

/** @throws ServeError naming the field at fault */
export function jsonSchemaOf(value: unknown, path: string, depth = 0): Record<string, unknown> {
  if (depth > deepest) throw invalid(path, `Invalid value at '${path}': schemas nest at most ${deepest} levels deep.`)
  const fields = Fields.of(value, path)
  const named =
    typeof fields.get('type') === 'string' ? enumValue(fields.get('type'), fields.at('type'), types) : undefined
  const schema: Record<string, unknown> = {}
  if (named !== undefined) schema.type = named.toLowerCase()
  // JSON Schema's own form: a list of types
  else if (Array.isArray(fields.get('type'))) {
    schema.type = fields.list('type').map((each) => enumValue(each.value, each.path, types)?.toLowerCase())
  }
  for (const name of ['title', 'description', 'pattern'] as const) {
    const text = fields.string(name)
    if (text !== undefined) schema[name] = text
  }
  const format = fields.string('format')
  if (format !== undefined && format !== 'enum') schema.format = format
  for (const name of ['minItems', 'maxItems', 'minProperties', 'maxProperties', 'minLength', 'maxLength'] as const) {
    const count = fields.int(name, 0)
    if (count !== undefined) schema[name] = count
  }
  for (const name of ['minimum', 'maximum'] as const) {
    const bound = fields.number(name)
    if (bound !== undefined) schema[name] = bound
  }
  if (fields.has('enum')) schema.enum = fields.list('enum').map((each) => each.value)
  readParts(fields, schema, depth)
  for (const name of ['default', 'example', 'const', '$ref', '$defs'] as const) {
    if (fields.has(name)) schema[name] = fields.get(name)
  }
  return fields.bool('nullable') === true ? orNull(schema) : schema
}

function readParts(fields: Fields, schema: Record<string, unknown>, depth: number): void {
  const properties = fields.get('properties')
  if (properties !== undefined) {
    const at = fields.at('properties')
    if (!isRecord(properties)) throw invalid(at, `Invalid value at '${at}': must be an object.`)
    const names = [...new Set([...fields.strings('propertyOrdering'), ...Object.keys(properties)])]
    const known = names.filter((name) => Object.hasOwn(properties, name))
    schema.properties = Object.fromEntries(
      known.map((name) => [name, jsonSchemaOf(properties[name], `${at}.${name}`, depth + 1)]),
    )
  }
  if (fields.has('required')) schema.required = fields.strings('required')
  if (fields.has('items')) schema.items = jsonSchemaOf(fields.get('items'), fields.at('items'), depth + 1)
  for (const name of ['anyOf', 'oneOf', 'prefixItems'] as const) {
    if (!fields.has(name)) continue
    schema[name === 'oneOf' ? 'anyOf' : name] = fields
      .list(name)
      .map((each) => jsonSchemaOf(each.value, each.path, depth + 1))
  }
  const additional = fields.get('additionalProperties')
  if (additional !== undefined) {
    schema.additionalProperties =
      typeof additional === 'boolean'
        ? additional
        : jsonSchemaOf(additional, fields.at('additionalProperties'), depth + 1)
  }
}

function orNull(schema: Record<string, unknown>): Record<string, unknown> {
  return { anyOf: [schema, { type: 'null' }] }
}
