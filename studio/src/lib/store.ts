// Values that components watch. A store is a value, a way to replace it, and those to tell; nothing else.
import { useEffect, useReducer } from 'preact/hooks'

export class Store<T> {
  #value: T
  readonly #watchers = new Set<() => void>()

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  /** Puts in another value; the same one tells nobody. */
  set(next: T): void {
    if (Object.is(next, this.#value)) return
    this.#value = next
    for (const watcher of [...this.#watchers]) watcher()
  }

  update(change: (value: T) => T): void {
    this.set(change(this.#value))
  }

  /** @returns what ends the watch */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }
}

/** The value of a store; draws the component anew when it changes. */
export function useStore<T>(store: Store<T>): T {
  const [, redraw] = useReducer((count: number, _: void) => count + 1, 0)
  useEffect(() => {
    const seen = store.value
    const stop = store.watch(() => redraw())
    // it may have changed between drawing and watching
    if (!Object.is(seen, store.value)) redraw()
    return stop
  }, [store])
  return store.value
}

/** A store kept in localStorage as JSON; what is stored is merged over the default, so that new fields get theirs. */
export function keptStore<T extends object>(key: string, initial: T): Store<T> {
  const store = new Store<T>({ ...initial, ...readKept(key) })
  store.watch(() => {
    try {
      localStorage.setItem(key, JSON.stringify(store.value))
    } catch {
      // a full or forbidden storage: it lasts as long as the page
    }
  })
  return store
}

function readKept(key: string): object {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? '{}')
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
