// Which keywords of JSON Schema are known, and that their values are what they must be.
//
// A keyword that restricts values and is not known is refused, by its name and path: to ignore it could give values that the
// schema does not allow.
import { PolluxError, isRecord } from '../../../util/index.ts'

export type Schema = Record<string, unknown>

/** A failure that names a place in the schema. */
export function schemaError(path: string, requirement: string, actual: string, hint?: string): PolluxError {
  return new PolluxError(`schema: ${path}: ${requirement}, got ${actual}`, { hint })
}

/** Say nothing of which values are allowed. */
const ANNOTATIONS = new Set([
  ...[
    'title',
    'description',
    'default',
    'example',
    'examples',
    'deprecated',
    'readOnly',
    'writeOnly',
    'propertyOrdering',
  ],
  ...['$schema', '$id', '$comment', '$defs', 'definitions', '$anchor', 'contentEncoding', 'contentMediaType', 'id'],
  ...['discriminator', 'xml', 'externalDocs', 'strict', 'nullable', '$vocabulary', 'contentSchema', 'enumDescriptions'],
  ...['errorMessage', 'enumNames', 'markdownDescription'],
])

const isText = (value: unknown): boolean => typeof value === 'string'
const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0
const isNumber = (value: unknown): boolean => Number.isFinite(value)
const isFlag = (value: unknown): boolean => typeof value === 'boolean'
const isSchema = (value: unknown): boolean => isRecord(value) || isFlag(value)
const isSchemas = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(isSchema)
const isMap = (value: unknown): boolean => isRecord(value) && Object.values(value).every(isSchema)
const isNames = (value: unknown): boolean => Array.isArray(value) && value.every(isText)

const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'])
const isType = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 && value.every((one) => TYPES.has(one as string)) : TYPES.has(value as string)

const ASSERTIONS: Readonly<Record<string, readonly [check: (value: unknown) => boolean, what: string]>> = {
  type: [isType, 'a type of JSON or a list of them'],
  enum: [(value) => Array.isArray(value) && value.length > 0, 'a list of values'],
  const: [() => true, 'a value'],
  $ref: [isText, 'a reference'],
  anyOf: [isSchemas, 'a list of schemas'],
  oneOf: [isSchemas, 'a list of schemas'],
  allOf: [isSchemas, 'a list of schemas'],
  properties: [isMap, 'schemas by name'],
  required: [isNames, 'a list of names'],
  additionalProperties: [isSchema, 'a schema'],
  minProperties: [isCount, 'a count'],
  maxProperties: [isCount, 'a count'],
  items: [(value) => isSchema(value) || Array.isArray(value), 'a schema'],
  prefixItems: [isSchemas, 'a list of schemas'],
  additionalItems: [isSchema, 'a schema'],
  minItems: [isCount, 'a count'],
  maxItems: [isCount, 'a count'],
  uniqueItems: [isFlag, 'true or false'],
  minLength: [isCount, 'a count'],
  maxLength: [isCount, 'a count'],
  pattern: [isText, 'a regular expression'],
  format: [isText, 'the name of a format'],
  minimum: [isNumber, 'a number'],
  maximum: [isNumber, 'a number'],
  exclusiveMinimum: [isNumber, 'a number'],
  exclusiveMaximum: [isNumber, 'a number'],
  multipleOf: [isNumber, 'a number'],
}

/** Keywords that restrict values. */
export const isAssertion = (key: string): boolean => Object.hasOwn(ASSERTIONS, key)

/** @throws PolluxError for an unknown keyword or a wrong value of a known one */
export function checkKeywords(schema: Schema, path: string): void {
  for (const [key, value] of Object.entries(schema)) {
    if (ANNOTATIONS.has(key) || key.startsWith('x-') || value === undefined) continue
    if (!isAssertion(key)) {
      throw schemaError(path, 'keywords must be ones that can be kept', JSON.stringify(key), 'leave the keyword out')
    }
    const [check, what] = ASSERTIONS[key]
    if (!check(value))
      throw schemaError(path, `${key} must be ${what}`, JSON.stringify(value)?.slice(0, 80) ?? 'undefined')
  }
}
