// Responses that were given, so that the next can follow them: in memory, bounded, oldest forgotten first.
//
// Each keeps the list of all items before it. The items themselves are shared, so a long conversation costs a list of references a
// response; and forgetting an old response breaks none that follow it.
import { ServeError } from '../../../serveError.ts'
import { OpenAiError } from '../errors.ts'
import type { History, Item } from './request.ts'

export interface StoredResponse {
  id: string
  /** Name of the key it belongs to. */
  owner: string
  response: Item
  /** Items of its own request. */
  input: Item[]
  /** Those before, its input and its output, as the next request reads them. */
  items: readonly Item[]
}

interface Entry extends StoredResponse {
  bytes: number
}

export class ResponseStore {
  readonly #limits: { responses: number; bytes: number }
  /** In the order of their use. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  /** Default: 1,000 responses and 256 MiB of their own items. */
  constructor({ responses = 1000, bytes = 256 * 2 ** 20 }: { responses?: number; bytes?: number } = {}) {
    this.#limits = { responses, bytes }
  }

  get size(): number {
    return this.#entries.size
  }

  add(stored: StoredResponse): void {
    // references count too
    const bytes = JSON.stringify([stored.response, stored.input]).length * 2 + stored.items.length * 8
    this.#entries.set(stored.id, { ...stored, bytes })
    this.#bytes += bytes
    for (const { id } of this.#entries.values()) {
      if (this.#entries.size <= this.#limits.responses && this.#bytes <= this.#limits.bytes) break
      this.#forget(id)
    }
  }

  #forget(id: string): void {
    this.#bytes -= this.#entries.get(id)?.bytes ?? 0
    this.#entries.delete(id)
  }

  /** @throws ServeError notFound, as for another key's response */
  get(id: string, owner: string): StoredResponse {
    const entry = this.#find(id, owner)
    if (entry) return entry
    throw new ServeError('notFound', `Response with id '${id.slice(0, 64)}' not found.`, { field: 'response_id' })
  }

  #find(id: string, owner: string): Entry | undefined {
    const entry = this.#entries.get(id)
    if (entry?.owner !== owner) return undefined
    this.#entries.delete(id)
    this.#entries.set(id, entry)
    return entry
  }

  /** @throws ServeError notFound */
  remove(id: string, owner: string): void {
    this.#forget(this.get(id, owner).id)
  }

  /** What a key's responses said. */
  history(owner: string): History {
    return {
      before: (id) => {
        const entry = this.#find(id, owner)
        if (entry) return entry.items
        const message = `Previous response with id '${id.slice(0, 64)}' not found.`
        const hint = 'responses are kept in memory for a while; send the whole conversation as input'
        throw new OpenAiError('previous_response_not_found', 'previous_response_id', message, { hint })
      },
      item: (id) => {
        for (const entry of [...this.#entries.values()].reverse()) {
          const item = entry.owner === owner ? entry.items.find((each) => each.id === id) : undefined
          if (item) return item
        }
        return undefined
      },
    }
  }
}
