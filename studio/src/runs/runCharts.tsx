// The curves of the chosen runs. With one run its loss is shown as it was and smoothed; with several, smoothed only.
import { useMemo } from 'preact/hooks'
import uPlot from 'uplot'
import type { MetricsRow } from '../api/studio.ts'
import { digits, integer } from '../lib/format.ts'
import { type Curve, Plot } from '../ui/plot.tsx'
import { type Axis, columnsOf, lossRange, type RunColumns } from './curves.ts'

export interface ShownRun {
  name: string
  /** Which colour. */
  slot: number
  rows: readonly MetricsRow[]
}

interface RunChartsProps {
  runs: ShownRun[]
  axis: Axis
  smoothing: number
  log: boolean
}

type Column = Exclude<keyof RunColumns, 'x'>

const axisNames: Record<Axis, string> = { step: 'Step', tokens: 'Tokens', minutes: 'Minutes' }

const small: readonly { column: Column; title: string; zero?: boolean; format?: (value: number) => string }[] = [
  { column: 'tokensPerSecond', title: 'Tokens per second', zero: true },
  {
    column: 'mfu',
    title: 'MFU: share of the machine’s peak',
    zero: true,
    format: (value) => `${(100 * value).toFixed(0)}%`,
  },
  { column: 'balance', title: 'Balance: fullest expert above the mean (0 is even)', zero: true },
  { column: 'gradNorm', title: 'Gradient norm', zero: true },
  { column: 'learningRate', title: 'Learning rate', zero: true, format: digits },
]

export function RunCharts({ runs, axis, smoothing, log }: RunChartsProps) {
  const columns = useMemo(
    () => runs.map(({ rows }) => columnsOf(rows, axis, smoothing)),
    [axis, smoothing, ...runs.flatMap(({ name, rows }) => [name, rows])],
  )
  const common = {
    xLabel: axisNames[axis],
    xFormat: axis === 'step' ? integer : undefined,
    sync: 'runs',
  }
  const range = lossRange(columns.flatMap(({ smooth, validation }) => [smooth, validation]))
  return (
    <div class="charts">
      <Plot
        {...common}
        title="Loss, bits per byte"
        height={300}
        log={log}
        range={range === undefined ? undefined : () => range}
        {...lossCurves(runs, columns)}
        summary={runs.map(({ name, rows }) => `${name} ends at ${digits(rows.at(-1)?.loss)}`).join('; ')}
      />
      <div class="charts-small">
        {small.map(({ column, title, zero, format }) => (
          <Plot
            key={column}
            {...common}
            {...{ title, zero }}
            height={160}
            yFormat={format}
            curves={runs.map(({ name, slot }) => ({ label: name, colour: `--series-${slot + 1}` }))}
            data={join(columns.map((run) => [run.x, run[column]]))}
            summary={runs.map(({ name }, i) => `${name} ends at ${digits(columns[i][column].at(-1))}`).join('; ')}
          />
        ))}
      </div>
    </div>
  )
}

function lossCurves(
  runs: ShownRun[],
  columns: RunColumns[],
): { curves: Curve[]; data: (number | null | undefined)[][] } {
  const alone = runs.length === 1
  const curves = runs.flatMap(({ name, slot }, i): Curve[] => {
    const colour = `--series-${slot + 1}`
    const hasValidation = columns[i].validation.some((value) => value !== null)
    return [
      ...(alone ? [{ label: 'each step', colour, width: 1, faint: true }] : []),
      { label: alone ? 'smoothed' : name, colour, width: 2 },
      ...(hasValidation
        ? [{ label: alone ? 'validation' : `${name}, validation`, colour: alone ? '--series-2' : colour, dots: true }]
        : []),
    ]
  })
  const tables = columns.map(({ x, loss, smooth, validation }) => {
    const hasValidation = validation.some((value) => value !== null)
    return [x, ...(alone ? [loss] : []), smooth, ...(hasValidation ? [validation] : [])]
  })
  return { curves, data: join(tables) }
}

/** Runs with x of their own on one x. */
function join(tables: (number | null)[][][]): (number | null | undefined)[][] {
  if (tables.length === 1) return tables[0]
  const filled = tables.filter(([x]) => x.length > 0)
  if (filled.length < tables.length) {
    // uPlot joins no empty tables: those get a point without values
    const x = filled[0]?.[0][0] ?? 0
    tables = tables.map((table) => (table[0].length > 0 ? table : table.map((_, i) => [i === 0 ? x : null])))
  }
  return uPlot.join(tables as unknown as uPlot.AlignedData[]) as unknown as (number | null | undefined)[][]
}
