// Collects the rows of a bench and prints them: a table, or one JSON object a line.
import type { Machine } from './machine.ts'

/** One measured value, beside a peer's where there is one. */
export interface Row {
  bench: string
  case: string
  value: number
  unit: string
  /** What it is compared with; null: nothing. */
  peer: string | null
  peerValue: number | null
  /** How many times better than the peer, whichever way the unit points; null without a peer. */
  ratio: number | null
}

/** What a bench writes to. */
export interface Report {
  row(row: Omit<Row, 'bench'>): void
  /** A remark for the reader; not a result. */
  note(text: string): void
}

/** Options a bench is run with. */
export interface BenchOptions {
  /** Only cases whose name contains this. */
  filter?: string
}

/** What a file bench/NAME.bench.ts exports. */
export interface Bench {
  name: string
  description: string
  run(report: Report, options: BenchOptions): Promise<void>
}

/** A report that prints each row as it comes. With `json`, remarks go to stderr. */
export function printingReport(bench: string, json: boolean): Report & { rows: Row[] } {
  const rows: Row[] = []
  return {
    rows,
    row(given) {
      const row: Row = { bench, ...given }
      if (rows.length === 0 && !json) console.log(header)
      rows.push(row)
      console.log(json ? JSON.stringify(row) : formatRow(row))
    },
    note: (text) => (json ? console.error(text) : console.log(`# ${text}`)),
  }
}

const header = `${'case'.padEnd(44)}${'value'.padStart(12)} ${'unit'.padEnd(10)}${'peer'.padEnd(22)}${'peer value'.padStart(12)}${'ratio'.padStart(9)}`

/** A row of the table. */
export function formatRow(row: Row): string {
  const peerValue = row.peerValue === null ? '' : formatNumber(row.peerValue)
  const ratio = row.ratio === null ? '' : row.ratio.toFixed(3)
  return `${row.case.padEnd(44)}${formatNumber(row.value).padStart(12)} ${row.unit.padEnd(10)}${(row.peer ?? '').padEnd(22)}${peerValue.padStart(12)}${ratio.padStart(9)}`
}

function formatNumber(value: number): string {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(4)
}

/** The line that says what the numbers depend on. */
export function formatMachine(machine: Machine): string {
  return `${machine.cpu}, ${machine.cores} cores; isa ${machine.isa}, ${machine.threads} threads; node ${machine.node}; ${machine.date}; commit ${machine.commit}; load ${machine.load}`
}
