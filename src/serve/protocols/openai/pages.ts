// Lists in pages: `limit` items behind the item whose id is `after`.
import type { ServeContext } from '../../types.ts'
import { Fields, invalidValue } from './fields.ts'

/** A page of a list, as the query asks: order, after, limit (default all up to 10,000). */
export function pageOf<T extends { id: string }>(items: readonly T[], c: ServeContext, first: 'desc' | 'asc' = 'desc') {
  const { limit: text, after, order = first } = c.req.query()
  const number = text === undefined ? undefined : Number(text)
  const limit = new Fields({ limit: number }).integer('limit', 1, 10_000) ?? 10_000
  if (order !== 'asc' && order !== 'desc') throw invalidValue('order', "expected 'asc' or 'desc'.")
  const sorted = order === first ? items : [...items].reverse()
  const start = after === undefined ? 0 : sorted.findIndex(({ id }) => id === after) + 1
  if (after !== undefined && start === 0)
    throw invalidValue('after', `nothing has the id ${JSON.stringify(after.slice(0, 64))}.`)
  const data = sorted.slice(start, start + limit)
  const has_more = start + limit < sorted.length
  return { object: 'list' as const, data, first_id: data.at(0)?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more }
}
