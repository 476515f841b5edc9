// Metrics of runs as they grow: each run's rows are kept while the page lives, and only what was appended is asked for.
import { useEffect } from 'preact/hooks'
import { getMetrics, type MetricsRow } from '../api/studio.ts'
import { Store, useStore } from '../lib/store.ts'

interface Feed {
  rows: MetricsRow[]
  next: string
}

const feeds = new Store<ReadonlyMap<string, Feed>>(new Map())

async function extend(name: string, signal: AbortSignal): Promise<void> {
  for (let more = true; more && !signal.aborted;) {
    const feed = feeds.value.get(name) ?? { rows: [], next: '' }
    const page = await getMetrics(name, feed.next, signal)
    more = page.more
    if (page.rows.length === 0 && !page.reset) return
    const rows = page.reset ? page.rows : [...feed.rows, ...page.rows]
    feeds.update((map) => new Map(map).set(name, { rows, next: page.next }))
  }
}

/** Rows of some runs; asks again every `everyMs` while the page is looked at. */
export function useRunRows(names: readonly string[], everyMs: number): ReadonlyMap<string, readonly MetricsRow[]> {
  const all = useStore(feeds)
  useEffect(() => {
    const controller = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const tick = async () => {
      if (!document.hidden) {
        await Promise.all(names.map((name) => extend(name, controller.signal).catch(() => {})))
      }
      if (!controller.signal.aborted) timer = setTimeout(() => void tick(), everyMs)
    }
    void tick()
    return () => {
      controller.abort()
      clearTimeout(timer)
    }
  }, [names.join('/'), everyMs])
  return new Map(names.map((name) => [name, all.get(name)?.rows ?? []]))
}
