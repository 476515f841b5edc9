// Dark and light: that of the system, or what was chosen. Colours live in style/tokens.css; a canvas asks for them here.
import { keptStore, Store } from '../lib/store.ts'

export type Theme = 'system' | 'light' | 'dark'

export const theme = keptStore<{ name: Theme }>('pollux.theme', { name: 'system' })
/** Grows with every change of colours, so that what is drawn on a canvas is drawn again. */
export const themeChanges = new Store(0)

const darkSystem = matchMedia('(prefers-color-scheme: dark)')

/** Puts the theme on the page now and at every change. */
export function startTheme(): void {
  const apply = () => {
    const { name } = theme.value
    document.documentElement.dataset.theme = name
    themeChanges.update((count) => count + 1)
  }
  apply()
  theme.watch(apply)
  darkSystem.addEventListener('change', apply)
}

export function isDark(): boolean {
  return theme.value.name === 'system' ? darkSystem.matches : theme.value.name === 'dark'
}

/** Light and dark in turn; from the system's to the other one. */
export function toggleTheme(): void {
  theme.set({ name: isDark() ? 'light' : 'dark' })
}

let probe: HTMLElement | undefined

/** A colour of tokens.css as a canvas takes it. @param name such as '--ink' */
export function colour(name: string): string {
  if (probe === undefined) {
    probe = document.createElement('span')
    probe.hidden = true
    document.body.append(probe)
  }
  probe.style.color = `var(${name})`
  return getComputedStyle(probe).color
}
