// Looks over what people type as JSON: the schema of an answer and the declarations of functions, before anything is sent.
//
// A schema is also held against the answer. This is no full validator: keywords that it does not know are let through, and the
// server, which builds a grammar of the schema, has the last word.
type Json = Record<string, unknown>

export interface Checked {
  value?: unknown
  /** Each names the place: `properties.score.type: ...`. */
  problems: string[]
}

const typeNames = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A JSON Schema as text. */
export function checkSchema(text: string): Checked {
  return checkJson(text, (value) => schemaProblems(value, ''))
}

/** A JSON list of function declarations as text. */
export function checkTools(text: string): Checked {
  return checkJson(text, (value) => {
    if (!Array.isArray(value)) return ['must be a list of functions: [{ "name": ... }]']
    const names = new Set<unknown>()
    return value.flatMap((tool, i) => {
      const problems = declarationProblems(tool, `${i + 1}`)
      if (isObject(tool) && names.has(tool.name)) problems.push(`${i + 1}: there is another ${String(tool.name)}`)
      if (isObject(tool)) names.add(tool.name)
      return problems
    })
  })
}

function checkJson(text: string, look: (value: unknown) => string[]): Checked {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { problems: [`no JSON: ${(error as Error).message.replace(/^JSON\.parse: /, '')}`] }
  }
  return { value, problems: look(value) }
}

function declarationProblems(tool: unknown, at: string): string[] {
  if (!isObject(tool)) return [`${at}: must be an object with a name`]
  if (typeof tool.name !== 'string' || !/^[A-Za-z_][\w.:-]{0,127}$/.test(tool.name)) {
    return [`${at}: its name must be letters, digits, _ . : or -, and begin with a letter`]
  }
  const problems: string[] = []
  if (tool.description !== undefined && typeof tool.description !== 'string') {
    problems.push(`${tool.name}.description: must be text`)
  }
  for (const key of ['parameters', 'parametersJsonSchema']) {
    if (tool[key] !== undefined) problems.push(...schemaProblems(tool[key], `${tool.name}.${key}`))
  }
  return problems
}

function schemaProblems(schema: unknown, at: string): string[] {
  const place = (key: string) => (at === '' ? key : `${at}.${key}`)
  const here = at === '' ? '' : `${at}: `
  if (typeof schema === 'boolean') return []
  if (!isObject(schema)) return [`${here}must be an object, such as { "type": "string" }`]
  const problems: string[] = []
  for (const type of [schema.type].flat()) {
    if (type !== undefined && !typeNames.includes(String(type).toLowerCase())) {
      problems.push(`${place('type')}: must be one of ${typeNames.join(', ')}, got ${JSON.stringify(type)}`)
    }
  }
  if (schema.enum !== undefined && (!Array.isArray(schema.enum) || schema.enum.length === 0)) {
    problems.push(`${place('enum')}: must be a list of at least one value`)
  }
  for (const key of ['properties', '$defs', 'definitions']) {
    const map = schema[key]
    if (map === undefined) continue
    if (!isObject(map)) problems.push(`${place(key)}: must be an object of schemas`)
    else
      for (const [name, child] of Object.entries(map)) problems.push(...schemaProblems(child, place(`${key}.${name}`)))
  }
  problems.push(...requiredProblems(schema, place('required')))
  if (isObject(schema.items)) problems.push(...schemaProblems(schema.items, place('items')))
  for (const key of ['anyOf', 'oneOf', 'allOf', 'prefixItems']) {
    const list = schema[key]
    if (list === undefined) continue
    if (!Array.isArray(list) || list.length === 0) problems.push(`${place(key)}: must be a list of schemas`)
    else list.forEach((child, i) => problems.push(...schemaProblems(child, place(`${key}[${i}]`))))
  }
  return problems
}

function requiredProblems(schema: Json, at: string): string[] {
  const { required, properties, additionalProperties } = schema
  if (required === undefined) return []
  if (!Array.isArray(required) || !required.every((name) => typeof name === 'string'))
    return [`${at}: must be a list of names`]
  if (!isObject(properties) || isObject(additionalProperties)) return []
  return required
    .filter((name) => !(name in properties))
    .map((name) => `${at}: there is no property ${JSON.stringify(name)}`)
}

/** What of a value does not match a schema; [] when all does. */
export function mismatches(schema: unknown, value: unknown, root: unknown = schema, at = ''): string[] {
  if (schema === false) return [`${at || 'the answer'}: nothing is allowed here`]
  if (!isObject(schema)) return []
  const here = at || 'the answer'
  if (typeof schema.$ref === 'string') return mismatches(resolve(root, schema.$ref), value, root, at)
  if (value === null && schema.nullable === true) return []
  const problems: string[] = []
  const types = [schema.type].flat().filter((type) => type !== undefined)
  if (types.length > 0 && !types.some((type) => hasType(String(type).toLowerCase(), value))) {
    return [`${here}: must be ${types.join(' or ')}, got ${short(value)}`]
  }
  if (Array.isArray(schema.enum) && !schema.enum.some((allowed) => same(allowed, value))) {
    problems.push(`${here}: must be one of ${schema.enum.map(short).join(', ')}, got ${short(value)}`)
  }
  if ('const' in schema && !same(schema.const, value)) problems.push(`${here}: must be ${short(schema.const)}`)
  if (typeof value === 'number') problems.push(...numberMismatches(schema, value, here))
  if (typeof value === 'string') problems.push(...stringMismatches(schema, value, here))
  if (Array.isArray(value)) problems.push(...arrayMismatches(schema, value, root, at))
  if (isObject(value)) problems.push(...objectMismatches(schema, value, root, at))
  problems.push(...unionMismatches(schema, value, root, at))
  return problems
}

function numberMismatches(schema: Json, value: number, here: string): string[] {
  const limit = (key: string, wrong: (bound: number) => boolean, words: string) => {
    const bound = schema[key]
    return typeof bound === 'number' && wrong(bound) ? [`${here}: must be ${words} ${bound}, got ${value}`] : []
  }
  return [
    ...limit('minimum', (bound) => value < bound, 'at least'),
    ...limit('maximum', (bound) => value > bound, 'at most'),
    ...limit('exclusiveMinimum', (bound) => value <= bound, 'above'),
    ...limit('exclusiveMaximum', (bound) => value >= bound, 'below'),
    ...limit('multipleOf', (bound) => Math.abs(value / bound - Math.round(value / bound)) > 1e-9, 'a multiple of'),
  ]
}

function stringMismatches(schema: Json, value: string, here: string): string[] {
  const problems = countMismatches(schema, [...value].length, ['minLength', 'maxLength'], 'characters', here)
  if (typeof schema.pattern === 'string' && !matches(schema.pattern, value)) {
    problems.push(`${here}: must match ${schema.pattern}`)
  }
  return problems
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value)
  } catch {
    return true
  }
}

function arrayMismatches(schema: Json, value: unknown[], root: unknown, at: string): string[] {
  const problems = countMismatches(schema, value.length, ['minItems', 'maxItems'], 'items', at || 'the answer')
  const first = Array.isArray(schema.prefixItems) ? schema.prefixItems : []
  value.forEach((item, i) => problems.push(...mismatches(first[i] ?? schema.items, item, root, `${at}[${i}]`)))
  return problems
}

function objectMismatches(schema: Json, value: Json, root: unknown, at: string): string[] {
  const problems: string[] = []
  const place = (key: string) => (at === '' ? key : `${at}.${key}`)
  const properties = isObject(schema.properties) ? schema.properties : {}
  for (const name of Array.isArray(schema.required) ? schema.required : []) {
    if (!Object.hasOwn(value, String(name))) problems.push(`${at || 'the answer'}: ${String(name)} is missing`)
  }
  for (const [key, child] of Object.entries(value)) {
    if (Object.hasOwn(properties, key)) problems.push(...mismatches(properties[key], child, root, place(key)))
    else if (schema.additionalProperties === false) problems.push(`${place(key)}: is not in the schema`)
    else problems.push(...mismatches(schema.additionalProperties, child, root, place(key)))
  }
  return problems
}

function unionMismatches(schema: Json, value: unknown, root: unknown, at: string): string[] {
  const problems: string[] = []
  for (const key of ['anyOf', 'oneOf']) {
    const options = schema[key]
    if (!Array.isArray(options)) continue
    const fitting = options.filter((option) => mismatches(option, value, root, at).length === 0).length
    if (fitting === 0 || (key === 'oneOf' && fitting > 1)) {
      problems.push(`${at || 'the answer'}: matches ${fitting} of the ${options.length} options of ${key}`)
    }
  }
  if (Array.isArray(schema.allOf)) {
    for (const part of schema.allOf) problems.push(...mismatches(part, value, root, at))
  }
  return problems
}

function countMismatches(schema: Json, count: number, keys: [string, string], what: string, here: string): string[] {
  // the Gemini subset may write counts as text
  const [low, high] = keys.map((key) => (schema[key] === undefined ? undefined : Number(schema[key])))
  if (low !== undefined && count < low) return [`${here}: must have at least ${low} ${what}, got ${count}`]
  if (high !== undefined && count > high) return [`${here}: must have at most ${high} ${what}, got ${count}`]
  return []
}

function resolve(root: unknown, ref: string): unknown {
  if (!ref.startsWith('#')) return true
  let at = root
  for (const key of ref
    .slice(1)
    .split('/')
    .filter((part) => part !== '')) {
    at = isObject(at) ? at[decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~')] : undefined
  }
  return at ?? true
}

function hasType(type: string, value: unknown): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isObject(value)
  if (type === 'integer') return typeof value === 'number' && Number.isInteger(value)
  return typeof value === type
}

function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => same(item, b[i]))
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a)
    return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]))
  }
  return a === b
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}
