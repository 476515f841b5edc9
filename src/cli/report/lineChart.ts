// Curves as inline SVG: a line and a band each, points beside them, axes with round numbers. No script, both themes.
//
// Colours are classes (`c0`, `c1`, ...) that the page's style gives; text inherits the page's ink.
import { type Html, html } from './html.ts'

/** A value with what surrounds it; without a band low = high = y. */
export interface BandPoint {
  x: number
  y: number
  low: number
  high: number
}

export interface ChartSeries {
  name: string
  /** Class of its colour: c0, c1, ... */
  colour: string
  points: readonly BandPoint[]
  /** Draw points only, with their bands as bars. */
  dots?: boolean
}

export interface ChartOptions {
  xLabel: string
  yLabel: string
  /** How ticks of x are written. */
  formatX: (x: number) => string
  /** Largest y shown; curves above are cut off. Default: all is shown. */
  top?: number
}

const size = { width: 720, height: 320, left: 62, right: 26, top: 12, bottom: 46 }

/** The chart, and a legend under it; nothing where there are no points. */
export function lineChart(series: readonly ChartSeries[], options: ChartOptions): Html {
  const points = series.flatMap((each) => each.points)
  if (points.length === 0) return html``
  const xs = ticks(0, Math.max(...points.map(({ x }) => x)), 6)
  const top = options.top ?? Math.max(...points.map(({ high }) => high))
  const ys = ticks(Math.min(...points.map(({ low }) => low)), top, 5)
  const [left, right] = [size.left, size.width - size.right]
  const [upper, lower] = [size.top, size.height - size.bottom]
  const scaleX = (x: number): number => left + ((x - xs[0]) / (xs.at(-1)! - xs[0])) * (right - left)
  const scaleY = (y: number): number => lower - ((y - ys[0]) / (ys.at(-1)! - ys[0])) * (lower - upper)
  const digits = Math.max(0, Math.min(4, -Math.floor(Math.log10(ys[1] - ys[0]))))
  const clip = `clip-${hashOf(options.xLabel + options.yLabel + series.map(({ name }) => name).join())}`
  return html`<svg class="curves" viewBox="0 0 ${size.width} ${size.height}" role="img">
      <title>${options.yLabel} against ${options.xLabel}</title>
      <clipPath id="${clip}">
        <rect x="${left}" y="${upper}" width="${right - left}" height="${lower - upper}" />
      </clipPath>
      ${ys.map(
        (y) =>
          html`<line class="grid" x1="${left}" x2="${right}" y1="${fixed(scaleY(y))}" y2="${fixed(scaleY(y))}" />
            <text class="end" x="${left - 8}" y="${fixed(scaleY(y) + 4)}">${y.toFixed(digits)}</text>`,
      )}
      ${xs.map((x) => html`<text class="middle" x="${fixed(scaleX(x))}" y="${lower + 19}">${options.formatX(x)}</text>`)}
      <text class="middle" x="${(left + right) / 2}" y="${size.height - 4}">${options.xLabel}</text>
      <g clip-path="url(#${clip})">${series.map((each) => drawSeries(each, scaleX, scaleY))}</g>
    </svg>
    <p class="legend">
      ${series.map(({ name, colour, dots }) => html`<span><i class="${colour}${dots ? ' dot' : ''}"></i>${name}</span>`)}
    </p>`
}

type Scale = (value: number) => number

function drawSeries({ points, colour, dots }: ChartSeries, scaleX: Scale, scaleY: Scale): Html {
  const at = (x: number, y: number): string => `${fixed(scaleX(x))},${fixed(scaleY(y))}`
  if (dots) {
    return html`<g class="${colour}">
      ${points.map(
        ({ x, y, low, high }) =>
          html`<line
              x1="${fixed(scaleX(x))}"
              x2="${fixed(scaleX(x))}"
              y1="${fixed(scaleY(low))}"
              y2="${fixed(scaleY(high))}"
            />
            <circle cx="${fixed(scaleX(x))}" cy="${fixed(scaleY(y))}" r="4" />`,
      )}
    </g>`
  }
  const upper = points.map(({ x, high }) => at(x, high))
  const lower = points.map(({ x, low }) => at(x, low)).reverse()
  return html`<g class="${colour}">
    <polygon points="${[...upper, ...lower].join(' ')}" />
    <polyline points="${points.map(({ x, y }) => at(x, y)).join(' ')}" />
  </g>`
}

/** About `count` round numbers that enclose [from, to]. */
export function ticks(from: number, to: number, count: number): number[] {
  const span = to > from ? to - from : Math.max(1e-6, Math.abs(from) * 0.1)
  const rough = span / count
  const unit = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map((n) => n * unit).find((n) => n >= rough * 0.999)!
  const first = Math.floor(from / step + 1e-9)
  const last = Math.max(first + 1, Math.ceil(to / step - 1e-9))
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
}

function fixed(value: number): string {
  return value.toFixed(1)
}

/** A short name for an element, the same for the same text. */
function hashOf(text: string): string {
  let hash = 0
  for (const c of text) hash = (hash * 31 + c.codePointAt(0)!) >>> 0
  return hash.toString(36)
}
