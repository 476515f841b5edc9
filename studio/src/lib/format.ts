// Numbers and times as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** 12,345 */
export function integer(value: number): string {
  return Number.isFinite(value) ? whole.format(value) : '–'
}

/** 12.3K */
export function short(value: number): string {
  return Number.isFinite(value) ? compact.format(value) : '–'
}

/** Three significant digits, never in exponents: 0.0123, 1.23, 123. */
export function digits(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  if (value === 0) return '0'
  const places = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(value)))))
  return value.toFixed(places)
}

/** 41% */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(share > 0 && share < 0.095 ? 1 : 0)}%` : '–'
}

/** 12 KB, 3.4 MB (powers of 1024). */
export function bytes(count: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let value = count
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** 0.31 s, 12 s, 3 min 20 s, 2 h 5 min. */
export function seconds(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (value < 9.95) return `${value.toFixed(value < 0.995 ? 2 : 1)} s`
  const rounded = Math.round(value)
  if (rounded < 60) return `${rounded} s`
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min ${rounded % 60} s`
  return `${Math.floor(rounded / 3600)} h ${Math.floor((rounded % 3600) / 60)} min`
}

/** just now, 5 min ago, 3 h ago, else the date. */
export function ago(time: number, now = Date.now()): string {
  const minutes = (now - time) / 60_000
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${Math.floor(minutes)} min ago`
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`
  return new Date(time).toLocaleDateString('en', { day: 'numeric', month: 'short', year: 'numeric' })
}
