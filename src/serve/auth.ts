// API keys: kept as hashes, compared in constant time.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { PolluxError } from '../util/index.ts'
import { ServeError } from './serveError.ts'

/** A key as an operator gives it: the secret, or name=secret. */
export class ApiKeys {
  readonly #keys: { name: string; hash: Buffer }[]

  /** @throws PolluxError for an empty secret or a name given twice */
  constructor(keys: readonly string[] = []) {
    this.#keys = keys.map((text, i) => {
      const [, name = `key${i + 1}`, secret] = /^(?:([A-Za-z0-9_-]{1,64})=)?(.*)$/s.exec(text) ?? []
      if (!secret) throw new PolluxError('api-key: must be a secret or name=secret, got nothing')
      return { name, hash: hashOf(secret) }
    })
    const names = this.#keys.map(({ name }) => name)
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice !== undefined) throw new PolluxError(`api-key: names must differ, got ${JSON.stringify(twice)} twice`)
  }

  get isOpen(): boolean {
    return this.#keys.length === 0
  }

  /** Name of the key of a request, '' when there are no keys to keep. @throws ServeError keyMissing, keyInvalid */
  check(request: Pick<IncomingMessage, 'headers'>, query: URLSearchParams): string {
    if (this.isOpen) return ''
    const given = keyOf(request, query)
    if (given === undefined) throw new ServeError('keyMissing', 'An API key is needed, got none.')
    const hash = hashOf(given)
    let found: string | undefined
    // every key is compared, so that time tells nothing
    for (const key of this.#keys) if (timingSafeEqual(key.hash, hash)) found = key.name
    if (found === undefined) throw new ServeError('keyInvalid', 'API key not valid. Please pass a valid API key.')
    return found
  }
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** The key that a request carries, wherever its client puts it. */
function keyOf({ headers }: Pick<IncomingMessage, 'headers'>, query: URLSearchParams): string | undefined {
  const google = headers['x-goog-api-key']
  if (typeof google === 'string' && google !== '') return google
  const [, bearer] = /^bearer +(\S+)\s*$/i.exec(headers.authorization ?? '') ?? []
  return bearer ?? (query.get('key') || undefined)
}
