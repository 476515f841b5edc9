// Numbers as people read them: counts, bytes, times, rates.
//
// Pure functions from a number to a short string, shared by the progress line, the summary and the report.
// A number that is not known (NaN) is printed as a dash, so no line ever shows "NaN".

const unknown = '–'

/** 1234567 -> "1,234,567". */
export function count(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : unknown
}

/** 1234567 -> "1.23M"; three significant digits from a thousand up. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return unknown
  for (const [limit, suffix] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    // 999,500 rounds up to 1.00M, not to 1000k
    if (Math.abs(value) >= limit * 0.9995) return `${(value / limit).toPrecision(3)}${suffix}`
  }
  return String(Math.round(value))
}

/** 1234567 -> "1.23 MB" (powers of ten, as disks are sold). */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return unknown
  const text = short(value)
  const suffix = text.slice(-1)
  return /[kMGT]/.test(suffix) ? `${text.slice(0, -1)} ${suffix}B` : `${text} bytes`
}

/** 3725 -> "1:02:05", 65 -> "1:05". */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–:––'
  const whole = Math.round(seconds)
  const two = (n: number) => String(n).padStart(2, '0')
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}

/** 0.34 -> "0.34 s", 75 -> "1 min 15 s". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return unknown
  if (seconds < 10) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor(whole / 60) % 60} min`
}

/** 0.4123 -> "41%". */
export function percent(value: number): string {
  return Number.isFinite(value) ? `${(value * 100).toFixed(value < 0.0995 ? 1 : 0)}%` : unknown
}

/** 2.34567 -> "2.346". */
export function decimals(value: number | undefined, digits = 3): string {
  return value !== undefined && Number.isFinite(value) ? value.toFixed(digits) : unknown
}

const bars = '▁▂▃▄▅▆▇█'

/**
 * A line of bars, lowest value ▁ and highest █; values are averaged into `width` cells.
 *
 * A flat series is drawn in the middle. Values that are not finite are left out.
 */
export function sparkline(values: readonly number[], width = 12): string {
  const finite = values.filter(Number.isFinite)
  const cells = Math.min(width, finite.length)
  const means = Array.from({ length: cells }, (_, cell) => {
    const from = Math.floor((cell * finite.length) / cells)
    const to = Math.floor(((cell + 1) * finite.length) / cells)
    return finite.slice(from, to).reduce((sum, x) => sum + x, 0) / (to - from)
  })
  const low = Math.min(...means)
  const range = Math.max(...means) - low
  return means.map((x) => bars[range > 0 ? Math.round(((x - low) / range) * (bars.length - 1)) : 3]).join('')
}

/** A bar of `width` cells, filled to `share` (0 to 1) in steps of half a cell. */
export function bar(share: number, width: number): string {
  const halves = Math.round(Math.min(1, Math.max(0, share)) * width * 2)
  const filled = '━'.repeat(Math.floor(halves / 2)) + (halves % 2 === 1 ? '╸' : '')
  return filled + '─'.repeat(width - filled.length)
}
