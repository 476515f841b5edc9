// Keys of the whole page. Components register what their keys do while they are shown; the help dialog lists them all.
import { useLayoutEffect } from 'preact/hooks'
import { Store } from '../lib/store.ts'

export interface Shortcut {
  /** One key ('n', '?', 'Escape', 'ArrowLeft'), or two one after the other ('g c'); 'Alt+' before a key. */
  keys: string
  label: string
  /** @returns false when there was nothing to do, so that the key goes on to others */
  act: () => boolean | void
  /** Also while text is being typed. */
  typing?: boolean
}

export const shortcuts = new Store<readonly Shortcut[]>([])

/** Registers keys while the component is shown. */
export function useShortcuts(list: Shortcut[]): void {
  // at once: a key pressed right after the page has changed must meet what it shows now
  useLayoutEffect(() => {
    shortcuts.update((all) => [...list, ...all])
    return () => shortcuts.update((all) => all.filter((shortcut) => !list.includes(shortcut)))
  })
}

let prefix = ''
let prefixTimer: ReturnType<typeof setTimeout> | undefined

/** Listens to the keys of the page. */
export function startShortcuts(): void {
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.isComposing) return
    if (document.querySelector('dialog[open]') !== null) return
    const key = `${event.altKey ? 'Alt+' : ''}${event.key}`
    const typing = isTyping(event.target)
    const candidates = prefix === '' ? [key] : [`${prefix} ${key}`, key]
    const usable = shortcuts.value.filter((shortcut) => !typing || shortcut.typing)
    setPrefix('')
    for (const keys of candidates) {
      for (const shortcut of usable.filter((other) => other.keys === keys)) {
        if (shortcut.act() === false) continue
        event.preventDefault()
        return
      }
    }
    if (usable.some(({ keys }) => keys.startsWith(`${key} `))) setPrefix(key)
  })
}

function setPrefix(key: string): void {
  clearTimeout(prefixTimer)
  prefix = key
  if (key !== '') prefixTimer = setTimeout(() => (prefix = ''), 1200)
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input:not([type=checkbox], [type=radio]), textarea, select')
}
