// Asks the server again and again while the page is looked at.
import { useEffect, useRef, useState } from 'preact/hooks'

export interface Polled<T> {
  value?: T
  /** Of the latest try; the value before stays. */
  error?: string
}

/**
 * @param ask asked at once, then `everyMs` after each answer; not while the page is hidden
 * @param key another key begins anew
 */
export function usePolling<T>(ask: (signal: AbortSignal) => Promise<T>, everyMs: number, key = ''): Polled<T> {
  const [state, setState] = useState<Polled<T> & { key: string }>({ key })
  const latest = useRef(ask)
  latest.current = ask
  useEffect(() => {
    const controller = new AbortController()
    const { signal } = controller
    let timer: ReturnType<typeof setTimeout> | undefined
    const tick = async () => {
      try {
        const value = await latest.current(signal)
        if (!signal.aborted) setState({ key, value })
      } catch (error) {
        if (!signal.aborted) setState((before) => ({ ...before, key, error: (error as Error).message }))
      }
      if (!signal.aborted && !document.hidden) timer = setTimeout(() => void tick(), everyMs)
    }
    const onVisible = () => {
      if (document.hidden) return
      clearTimeout(timer)
      void tick()
    }
    void tick()
    document.addEventListener('visibilitychange', onVisible)
    return () => {
      controller.abort()
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', onVisible)
    }
  }, [key, everyMs])
  return state.key === key ? state : {}
}
