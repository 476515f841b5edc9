// Fields of a JSON message read as proto JSON allows them: camelCase or snake_case, numbers as strings, enums in any case with or
// without their prefix, null for nothing. Unknown fields are passed over; a known one of the wrong type is an error that names it.
import { isRecord } from '../../../util/index.ts'
import { invalid, type ServeError } from '../../serveError.ts'

export class Fields {
  /** Where the message stands in the request, for errors. */
  readonly path: string
  readonly #values: ReadonlyMap<string, unknown>

  constructor(value: Record<string, unknown>, path = '') {
    this.path = path
    // own keys alone, so that "__proto__" and the like are names like others
    this.#values = new Map(Object.entries(value).map(([name, content]) => [camelCase(name), content]))
  }

  /** The message at a path. @throws ServeError when it is none */
  static of(value: unknown, path: string): Fields {
    if (!isRecord(value)) throw wrongType(path, 'message', value)
    return new Fields(value, path)
  }

  at(name: string): string {
    return this.path === '' ? snakeCase(name) : `${this.path}.${snakeCase(name)}`
  }

  /** A field as it stands; undefined for null. */
  get(name: string): unknown {
    return this.#values.get(name) ?? undefined
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  string(name: string): string | undefined {
    const value = this.get(name)
    if (value === undefined || typeof value === 'string') return value
    throw wrongType(this.at(name), 'TYPE_STRING', value)
  }

  bool(name: string): boolean | undefined {
    const value = this.get(name)
    if (value === undefined || typeof value === 'boolean') return value
    if (value === 'true' || value === 'false') return value === 'true'
    throw wrongType(this.at(name), 'TYPE_BOOL', value)
  }

  /** A finite number, within [from, to]. */
  number(name: string, from = -Infinity, to = Infinity): number | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isFinite(number)) throw wrongType(this.at(name), 'TYPE_FLOAT', value)
    return this.#within(name, number, from, to)
  }

  /** A whole number, within [from, to]. */
  int(name: string, from = -(2 ** 31), to = 2 ** 31 - 1): number | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isInteger(number)) throw wrongType(this.at(name), 'TYPE_INT32', value)
    return this.#within(name, number, from, to)
  }

  #within(name: string, number: number, from: number, to: number): number {
    if (number >= from && number <= to) return number
    const range = to === Infinity || to === 2 ** 31 - 1 ? `at least ${from}` : `from ${from} to ${to}`
    throw invalid(this.at(name), `Invalid value at '${this.at(name)}': must be ${range}, got ${number}.`)
  }

  /** A list; a single value stands for a list of one. */
  list(name: string): { value: unknown; path: string }[] {
    const value = this.get(name)
    if (value === undefined) return []
    const items = Array.isArray(value) ? value : [value]
    return items.map((item, i) => ({ value: item as unknown, path: `${this.at(name)}[${i}]` }))
  }

  strings(name: string): string[] {
    return this.list(name).map(({ value, path }) => {
      if (typeof value !== 'string') throw wrongType(path, 'TYPE_STRING', value)
      return value
    })
  }

  messages(name: string): Fields[] {
    return this.list(name).map(({ value, path }) => Fields.of(value, path))
  }

  message(name: string): Fields | undefined {
    const value = this.get(name)
    return value === undefined ? undefined : Fields.of(value, this.at(name))
  }

  /** One of `values` (in capitals); undefined for ..._UNSPECIFIED. */
  oneOf<T extends string>(name: string, values: readonly T[], prefix = ''): T | undefined {
    const value = this.get(name)
    return value === undefined ? undefined : enumValue(value, this.at(name), values, prefix)
  }
}

/** An enum's value, whatever its case, with or without its prefix. */
export function enumValue<T extends string>(
  value: unknown,
  path: string,
  values: readonly T[],
  prefix = '',
): T | undefined {
  if (typeof value !== 'string') throw wrongType(path, 'TYPE_ENUM', value)
  const name = value.trim().toUpperCase().replaceAll('-', '_')
  const bare = prefix !== '' && name.startsWith(prefix) ? name.slice(prefix.length) : name
  if (bare === '' || bare.endsWith('UNSPECIFIED')) return undefined
  const found = values.find((each) => each === bare)
  if (found !== undefined) return found
  throw invalid(path, `Invalid value at '${path}': must be one of ${values.join(', ')}, got ${shown(value)}.`)
}

function wrongType(path: string, type: string, value: unknown): ServeError {
  return invalid(path, `Invalid value at '${path}' (${type}), ${shown(value)}`)
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined'
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}

function camelCase(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Bytes in base64 or base64url. */
export function base64Bytes(text: string, path: string): Buffer {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text) || text.replace(/=+$/, '').length % 4 === 1) {
    throw invalid(path, `Invalid value at '${path}' (TYPE_BYTES), Base64 decoding failed.`)
  }
  return Buffer.from(text, 'base64')
}

/** Seconds of a duration like "1.5s", or of a number. */
export function durationSeconds(value: unknown, path: string): number {
  const seconds =
    typeof value === 'number' ? value : Number(/^(-?\d+(?:\.\d+)?)s?$/.exec(String(value).trim())?.[1] ?? NaN)
  if (Number.isFinite(seconds)) return seconds
  throw invalid(path, `Invalid value at '${path}' (Duration), ${shown(value)}`)
}

/** A message as a list of one page. @throws ServeError for a bad page size or token */
export function page<T>(
  items: readonly T[],
  query: { pageSize?: string; pageToken?: string },
  most = 1000,
): { items: T[]; nextPageToken?: string } {
  const fields = new Fields(query)
  const size = Math.min(fields.int('pageSize', 0) || 50, most)
  const token = query.pageToken ? Buffer.from(query.pageToken, 'base64url').toString() : 'at 0'
  const [, start] = /^at (\d{1,9})$/.exec(token) ?? []
  if (start === undefined) throw invalid('page_token', 'The page token is not valid.')
  const end = Number(start) + size
  const next = end < items.length ? { nextPageToken: Buffer.from(`at ${end}`).toString('base64url') } : {}
  return { items: items.slice(Number(start), end), ...next }
}
