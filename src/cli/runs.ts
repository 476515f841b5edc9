// `pollux runs`: the runs there are, newest first.
import type { Command } from 'commander'
import { decimals, duration, short } from './format.ts'
import { printJson } from './json.ts'
import { defaultOut, listRuns, type Run } from './runFolder.ts'
import { openTerminal, printable } from './terminal.ts'

interface Flags {
  out: string
  json?: boolean
}

/** Adds the command. */
export function addRuns(program: Command): void {
  program
    .command('runs')
    .description('list the runs there are, newest first')
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .option('--json', 'print one object a line')
    .addHelpText('after', '\nExamples:\n  $ npx pollux runs\n  $ npx pollux runs --json | head -1\n')
    .action(showRuns)
}

function showRuns({ out, json }: Flags): void {
  const runs = listRuns(out)
  if (json) {
    for (const { name, folder, record } of runs) {
      printJson({ run: name, folder, createdAt: record.createdAt, ...record.request, ...record.outcome })
    }
    return
  }
  const terminal = openTerminal(process.stdout)
  if (runs.length === 0) {
    terminal.line(`no runs under ${out}`)
    terminal.line('hint: npx pollux train --minutes 2 makes one')
    return
  }
  const rows = [['run', 'begun', 'preset', 'bits/byte', 'tokens', 'time', ''], ...runs.map(toRow)]
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  for (const [i, row] of rows.entries()) {
    const text = row.map((cell, column) => cell.padEnd(widths[column])).join('  ')
    terminal.line(i === 0 ? terminal.paint('dim', text.trimEnd()) : text.trimEnd())
  }
}

function toRow({ name, record: { createdAt, request, outcome } }: Run): string[] {
  const shown = printable(name)
  const begun = createdAt.slice(0, 16).replace('T', ' ')
  if (outcome === undefined) return [shown, begun, request.preset, '–', '–', '–', 'not finished']
  const loss = decimals(outcome.valBitsPerByte ?? outcome.lossBitsPerByte)
  const state = outcome.stopped ? 'stopped' : ''
  return [shown, begun, request.preset, loss, short(outcome.tokens), duration(outcome.seconds), state]
}
