// Curves on a canvas (uPlot), in the colours of the page, as wide as there is room.
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useStore } from '../lib/store.ts'
import { colour, themeChanges } from './theme.ts'

export interface Curve {
  label: string
  /** Name of a colour of tokens.css, such as '--series-1'. */
  colour: string
  width?: number
  /** Dots instead of a line. */
  dots?: boolean
  faint?: boolean
  /** A second axis: '%'. */
  format?: (value: number) => string
}

interface PlotProps {
  title: string
  /** x, then one column a curve; null: no point, undefined: the line goes on. */
  data: (number | null | undefined)[][]
  curves: Curve[]
  xLabel: string
  xFormat?: (value: number) => string
  yFormat?: (value: number) => string
  height?: number
  /** Begin the axis at 0. Default false. */
  zero?: boolean
  log?: boolean
  /** Lines at powers of two, for bytes. */
  powersOfTwo?: boolean
  /** Range of y from its data; default that of uPlot. */
  range?: (low: number, high: number) => [number, number]
  /** Plots of one name share the pointer. */
  sync?: string
  /** What a screen reader hears instead of the curves. */
  summary: string
}

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 })
/** For the legend. */
const brief = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

export function Plot(props: PlotProps) {
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const shape = JSON.stringify([
    props.curves,
    props.log,
    props.zero,
    props.xLabel,
    props.height,
    useStore(themeChanges),
  ])
  useEffect(() => {
    const element = host.current!
    const made = new uPlot(optionsOf(props, element), props.data as uPlot.AlignedData, element)
    plot.current = made
    const watcher = new ResizeObserver(() => {
      const width = widthOf(element)
      if (width !== made.width) made.setSize({ width, height: made.height })
    })
    watcher.observe(element)
    return () => {
      watcher.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [shape])
  useEffect(() => plot.current?.setData(props.data as uPlot.AlignedData), [props.data])
  return (
    <figure class="plot">
      <figcaption>{props.title}</figcaption>
      <div ref={host} role="img" aria-label={`${props.title}: ${props.summary}`} />
    </figure>
  )
}

const widthOf = (element: HTMLElement) => Math.max(200, element.clientWidth)

function optionsOf(props: PlotProps, element: HTMLElement): uPlot.Options {
  const { curves, xLabel, height = 200, sync, log } = props
  const xFormat = props.xFormat ?? compact.format
  const yFormat = props.yFormat ?? brief.format
  const style = {
    stroke: colour('--muted'),
    font: '11px ui-sans-serif, system-ui, sans-serif',
    ticks: { show: false },
    grid: { stroke: colour('--line'), width: 1 },
  }
  const label = (format: (value: number) => string) => (_: uPlot, values: number[]) =>
    values.map((value) => (value === null || value === undefined ? '' : format(value)))
  return {
    width: widthOf(element),
    height,
    scales: { x: { time: false }, y: { distr: log ? 3 : 1, range: log ? undefined : rangeOf(props) } },
    axes: [
      { ...style, values: label(xFormat), grid: { show: false }, size: 26, space: 64 },
      {
        ...style,
        // ends are even: 32 MB, not 32.0 MB
        values: props.yFormat === undefined ? even : label((value) => yFormat(value).replace('.0 ', ' ')),
        size: widthOfLabels,
        space: 32,
        ...(props.powersOfTwo ? { incrs: powersOfTwo } : {}),
      },
    ],
    legend: { live: true },
    cursor: {
      y: false,
      points: { size: 6 },
      drag: { x: true, y: false },
      ...(sync === undefined ? {} : { sync: { key: sync } }),
    },
    hooks: { ready: [showLast], setCursor: [showLast], setData: [showLast] },
    series: [
      { label: xLabel, value: (_, value) => (value === null ? '–' : xFormat(value)) },
      ...curves.map((curve) => seriesOf(curve, yFormat)),
    ],
  }
}

function seriesOf(
  { label, colour: name, width = 1.75, dots, faint, format }: Curve,
  yFormat: (value: number) => string,
) {
  const stroke = colour(name)
  return {
    label,
    stroke,
    width,
    alpha: faint ? 0.3 : 1,
    spanGaps: true,
    value: (_: uPlot, value: number | null) =>
      value === null || value === undefined ? '–' : (format ?? yFormat)(value),
    points: dots ? { show: true, size: 6, fill: stroke } : { show: false },
    ...(dots ? { paths: () => null } : {}),
  } satisfies uPlot.Series
}

function rangeOf({ zero, range }: PlotProps): uPlot.Range.Function {
  return (_, low, high) => {
    if (low === null || high === null) return [0, 1]
    if (range !== undefined) return range(low, high)
    const from = zero ? Math.min(0, low) : low
    const margin = (high - from) * 0.08 || Math.abs(high) * 0.1 || 1
    return [zero && low >= 0 ? 0 : from - margin, high + margin]
  }
}

/** Room for the labels of an axis, px. */
function widthOfLabels(_: uPlot, labels: string[] | null): number {
  return Math.max(32, 14 + 6.3 * Math.max(0, ...(labels ?? []).map(({ length }) => length)))
}

const powersOfTwo = Array.from({ length: 50 }, (_, i) => 2 ** i)

/** Labels of an axis with as many decimals as its steps need. */
function even(_: uPlot, values: number[], _axis: number, _space: number, step: number): string[] {
  const decimals = Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9)))
  const isLarge = values.some((value) => Math.abs(value) >= 10_000)
  return values.map((value) => (value === null ? '' : isLarge ? compact.format(value) : value.toFixed(decimals)))
}

/** With no pointer on the plot its legend tells the latest values. */
function showLast(plot: uPlot): void {
  if (typeof plot.cursor.idx === 'number') return
  const known = (value: number | null | undefined) => value !== null && value !== undefined
  const idxs = plot.data.map((column) => (column as (number | null)[]).findLastIndex(known))
  if (idxs[0] >= 0) plot.setLegend({ idxs: idxs.map((idx) => Math.max(0, idx)) }, false)
}
