// Reads fields of a request: the right type within bounds, or an error that names the parameter as OpenAI does.
//
// null is the same as nothing, since clients in typed languages send it for what they leave out. Only own properties are read.
import { isRecord } from '../../../util/index.ts'
import { OpenAiError } from './errors.ts'

/** An object of a request and where it stands. */
export class Fields {
  readonly value: Readonly<Record<string, unknown>>
  readonly path: string

  constructor(value: Readonly<Record<string, unknown>>, path = '') {
    this.value = value
    this.path = path
  }

  /** Anything that must be an object. */
  static of(value: unknown, path: string): Fields {
    if (!isRecord(value)) throw wrongType(path, 'an object', value)
    return new Fields(value, path)
  }

  /** Path of a field. */
  at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`
  }

  /** The value of a field as it is; undefined for null. */
  get(name: string): unknown {
    return Object.hasOwn(this.value, name) ? (this.value[name] ?? undefined) : undefined
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /** What a field was read as, if it is there. */
  required<T>(name: string, value: T | undefined): T {
    if (value !== undefined) return value
    const field = this.at(name)
    throw new OpenAiError('missing_required_parameter', field, `Missing required parameter: '${field}'.`)
  }

  string(name: string, { max = 2 ** 29 }: { max?: number } = {}): string | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    if (typeof value !== 'string') throw wrongType(this.at(name), 'a string', value)
    if (value.length <= max) return value
    throw new OpenAiError(
      'string_above_max_length',
      this.at(name),
      `Invalid '${this.at(name)}': string too long. Expected at most ${max} characters, but got ${value.length}.`,
    )
  }

  boolean(name: string): boolean | undefined {
    const value = this.get(name)
    if (value === undefined || typeof value === 'boolean') return value
    throw wrongType(this.at(name), 'a boolean', value)
  }

  number(name: string, min: number, max: number): number | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongType(this.at(name), 'a number', value)
    checkRange(value, this.at(name), min, max, 'decimal')
    return value
  }

  integer(name: string, min: number, max: number): number | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    if (!Number.isInteger(value)) throw wrongType(this.at(name), 'an integer', value)
    checkRange(value as number, this.at(name), min, max, 'integer')
    return value as number
  }

  oneOf<T extends string>(name: string, words: readonly T[]): T | undefined {
    const value = this.string(name)
    if (value === undefined || words.includes(value as T)) return value as T | undefined
    const field = this.at(name)
    const list = words.map((word) => `'${word}'`).join(', ')
    const got = JSON.stringify(value.slice(0, 100))
    throw new OpenAiError('invalid_value', field, `Invalid value for '${field}': expected one of ${list}, got ${got}.`)
  }

  object(name: string): Fields | undefined {
    const value = this.get(name)
    return value === undefined ? undefined : Fields.of(value, this.at(name))
  }

  list(name: string, max: number): unknown[] | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    if (!Array.isArray(value)) throw wrongType(this.at(name), 'an array', value)
    checkLength(value, this.at(name), max)
    return value
  }

  /** A list of objects. */
  objects(name: string, max: number): Fields[] | undefined {
    return this.list(name, max)?.map((item, i) => Fields.of(item, `${this.at(name)}[${i}]`))
  }

  /** A list of strings. */
  strings(name: string, max: number): string[] | undefined {
    return this.list(name, max)?.map((item, i) => {
      if (typeof item !== 'string') throw wrongType(`${this.at(name)}[${i}]`, 'a string', item)
      return item
    })
  }

  /** Labels that a client keeps with an object: at most 16, given back as they are. */
  metadata(): Record<string, string> | undefined {
    const labels = this.object('metadata')
    if (!labels) return undefined
    const keys = Object.keys(labels.value)
    checkLength(keys, labels.path, 16)
    return Object.fromEntries(keys.map((key) => [key, labels.string(key, { max: 512 }) ?? '']))
  }
}

export function wrongType(field: string, expected: string, value: unknown): OpenAiError {
  const message = `Invalid type for '${field}': expected ${expected}, but got ${typeName(value)} instead.`
  return new OpenAiError('invalid_type', field, message)
}

export function invalidValue(field: string, message: string, hint?: string): OpenAiError {
  return new OpenAiError('invalid_value', field, `Invalid value for '${field}': ${message}`, { hint })
}

export function checkLength(list: readonly unknown[], field: string, max: number): void {
  if (list.length <= max) return
  throw new OpenAiError(
    'array_above_max_length',
    field,
    `Invalid '${field}': array too long. Expected at most ${max} items, but got ${list.length}.`,
  )
}

function checkRange(value: number, field: string, min: number, max: number, kind: 'integer' | 'decimal'): void {
  if (value >= min && value <= max) return
  const isBelow = value < min
  throw new OpenAiError(
    `${kind}_${isBelow ? 'below_min' : 'above_max'}_value`,
    field,
    `Invalid '${field}': ${kind} ${isBelow ? 'below minimum' : 'above maximum'} value. Expected a value ` +
      `${isBelow ? `>= ${min}` : `<= ${max}`}, but got ${value} instead.`,
  )
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal'
  return { string: 'a string', boolean: 'a boolean', object: 'an object' }[typeof value as string] ?? typeof value
}
