// Where one is: the part of the address behind #, cut at slashes. The browser's back and forward keep working.
import { Store } from './store.ts'

function read(): readonly string[] {
  return location.hash
    .replace(/^#\/?/, '')
    .split('/')
    .filter((part) => part !== '')
    .map(decode)
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export const route = new Store<readonly string[]>(read())

addEventListener('hashchange', () => route.set(read()))

export function hashOf(...parts: string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`
}

/** Goes to a place; `replace` leaves no step back to this one. */
export function go(parts: string[], replace = false): void {
  if (!replace) {
    location.hash = hashOf(...parts)
    return
  }
  history.replaceState(null, '', hashOf(...parts))
  route.set(read())
}
