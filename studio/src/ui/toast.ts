// Short messages at the foot of the page, at most one, perhaps with something to do.
import { Store } from '../lib/store.ts'

export interface Toast {
  text: string
  action?: { label: string; act: () => void }
}

export const currentToast = new Store<Toast | undefined>(undefined)
let timer: ReturnType<typeof setTimeout> | undefined

/** Shows a message for some seconds, longer with an action. */
export function toast(text: string, action?: Toast['action']): void {
  clearTimeout(timer)
  currentToast.set({ text, action })
  timer = setTimeout(() => currentToast.set(undefined), action === undefined ? 5000 : 10_000)
}

export function closeToast(): void {
  clearTimeout(timer)
  currentToast.set(undefined)
}
