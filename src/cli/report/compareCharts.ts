// The curves of a comparison: held-out loss against tokens, seconds and FLOPs, and the sweep of learning rates.
//
// A line is the mean over seeds and the band reaches from the lowest to the highest of them. Dots are ends of shorter
// trainings, each a whole schedule of that length. Seconds are tokens times the pace measured in turns.
import { short } from '../format.ts'
import type { ComparePage, ContestantRow } from './compareData.ts'
import { type Html, html } from './html.ts'
import { type BandPoint, type ChartSeries, lineChart } from './lineChart.ts'

/** Curves are shown from this share of their length on: before, they fall too steeply to see what comes later. */
const shownFrom = 0.15

/** The three charts of loss. */
export function lossCharts(data: ComparePage): Html {
  const { contestants, tokensPerStep } = data
  const secondsPerToken = (row: ContestantRow): number => row.secondsPerStep / tokensPerStep
  const longest = Math.max(
    ...contestants.flatMap((row) => row.trials.map((trial) => trial.tokens * secondsPerToken(row))),
  )
  const [unit, unitSeconds] = longest < 120 ? (['seconds', 1] as const) : (['minutes', 60] as const)
  const chart = (
    title: string,
    xLabel: string,
    factor: (row: ContestantRow) => number,
    formatX: (x: number) => string,
  ) => {
    const series = contestants.flatMap((row, i) => seriesOf(row, `c${i}`, factor(row)))
    return html`<figure>
      <figcaption>${title}</figcaption>
      ${lineChart(series, { xLabel, yLabel: 'bits per byte', formatX, top: topOf(series) })}
    </figure>`
  }
  return html`${chart('Per token', 'tokens', () => 1, short)}
  ${chart(
    'Per second',
    unit,
    (row) => secondsPerToken(row) / unitSeconds,
    (x) => String(Number(x.toPrecision(3))),
  )}
  ${chart('Per FLOP', 'FLOPs', (row) => row.flopsPerToken, short)}`
}

/** Loss of each try against the factor on the learning rates. */
export function tuneChart(contestants: readonly ContestantRow[]): Html {
  const smallest = Math.min(...contestants.flatMap(({ tried }) => tried.map(({ factor }) => factor)))
  // the axis begins at a power of two below all factors
  const start = Math.floor(Math.log2(smallest)) - 1
  const series = contestants
    .map(({ label, tried }, i) => ({
      name: label,
      colour: `c${i}`,
      points: tried
        .filter(({ bitsPerByte }) => Number.isFinite(bitsPerByte))
        .map(({ factor, bitsPerByte: y }) => ({ x: Math.log2(factor) - start, y, low: y, high: y })),
    }))
    .filter(({ points }) => points.length > 1)
  if (series.length === 0) return html``
  return lineChart(series, {
    xLabel: 'factor on the learning rates',
    yLabel: 'bits per byte',
    formatX: (x) => String(Number((2 ** (x + start)).toPrecision(2))),
  })
}

function seriesOf({ label, trials, shorter }: ContestantRow, colour: string, factor: number): ChartSeries[] {
  const line = bands(trials.map(({ curve }) => curve.map(({ tokens, bitsPerByte }) => [tokens, bitsPerByte] as const)))
  const ends = bands(
    [...shorter, ...(shorter.length > 0 ? trials : [])].map((each) => [[each.tokens, each.finalBitsPerByte]]),
  )
  const scaled = (points: BandPoint[]): BandPoint[] => points.map((point) => ({ ...point, x: point.x * factor }))
  const dots: ChartSeries = { name: `${label}, whole schedules`, colour, points: scaled(ends), dots: true }
  return [{ name: label, colour, points: scaled(line) }, ...(ends.length > 0 ? [dots] : [])]
}

/** Mean, lowest and highest value at each x. */
function bands(curves: readonly (readonly (readonly [x: number, y: number])[])[]): BandPoint[] {
  const at = new Map<number, number[]>()
  for (const [x, y] of curves.flat()) at.set(x, [...(at.get(x) ?? []), y])
  return [...at]
    .sort(([a], [b]) => a - b)
    .map(([x, ys]) => ({
      x,
      y: ys.reduce((sum, y) => sum + y, 0) / ys.length,
      low: Math.min(...ys),
      high: Math.max(...ys),
    }))
}

/** The highest value from `shownFrom` on. */
function topOf(series: readonly ChartSeries[]): number {
  const tops = series.map(({ points }) => {
    const end = points.at(-1)?.x ?? 0
    const shown = points.filter(({ x }) => x >= shownFrom * end)
    return Math.max(...shown.map(({ high }) => high))
  })
  return Math.max(...tops)
}
