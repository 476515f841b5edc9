// `npm run bench -- NAME [--json] [--filter TEXT]`: runs one bench, prints its rows, keeps them.
//
// Without a name it lists the benches. Results are appended to bench/results/NAME.jsonl, one line a run with
// the machine, date and commit, so that the history of a number can be read back.
import { appendFileSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine } from './machine.ts'
import { type Bench, formatMachine, printingReport } from './report.ts'

const folder = import.meta.dirname

function benchNames(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.bench.ts'))
    .map((file) => file.slice(0, -'.bench.ts'.length))
    .sort()
}

async function loadBench(name: string): Promise<Bench> {
  return (await import(join(folder, `${name}.bench.ts`))) as Bench
}

async function list(): Promise<void> {
  console.log('npm run bench -- NAME [--json] [--filter TEXT]\n')
  for (const name of benchNames()) console.log(`  ${name.padEnd(12)} ${(await loadBench(name)).description}`)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, filter: { type: 'string' } },
  })
  const name = positionals[0]
  if (name === undefined) return list()
  if (!benchNames().includes(name)) {
    throw new Error(`bench: no bench named ${name}\nhint: one of ${benchNames().join(', ')}`)
  }
  const machine = describeMachine()
  const report = printingReport(name, values.json)
  report.note(formatMachine(machine))
  const bench = await loadBench(name)
  await bench.run(report, { filter: values.filter })
  if (report.rows.length === 0) return
  mkdirSync(join(folder, 'results'), { recursive: true })
  const rows = report.rows.map(({ bench: _, ...row }) => row)
  appendFileSync(
    join(folder, 'results', `${name}.jsonl`),
    `${JSON.stringify({ ...machine, filter: values.filter, rows })}\n`,
  )
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error && process.env.POLLUX_DEBUG === undefined ? error.message : error)
  process.exitCode = 1
}
