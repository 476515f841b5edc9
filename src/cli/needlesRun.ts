// Runs `pollux needles`: hides facts in long text, asks the run's checkpoint for them, and draws the grid.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  generatedFiller,
  nodeModulesRoot,
  openCorpus,
  needleKinds,
  NeedleWriter,
  splitDocuments,
  streamFiller,
  tokenStream,
} from '../data/index.ts'
import {
  changedGrid,
  type ChangedSample,
  modelReader,
  needleAccuracy,
  needleGrid,
  type NeedleMistake,
} from '../evals/index.ts'
import { loadAnyModel } from '../model/index.ts'
import { Tokenizer } from '../tokenizer/index.ts'
import { PolluxError } from '../util/index.ts'
import { checkpointOf } from './evalRun.ts'
import { count, percent } from './format.ts'
import { printJson } from './json.ts'
import type { NeedleFlags, NeedleTask } from './needles.ts'
import { startStage } from './progress.ts'
import { type GridCell, needlesPage, type WrongAnswer } from './report/needlesPage.ts'
import { findRun, type Run, writeAside } from './runFolder.ts'
import { openTerminal, printable, silentTerminal, type Terminal } from './terminal.ts'

/** Lengths asked for when none are given: powers of four from here, and the length that the run reads. */
const shortestLength = 512

/** Asks what the flags say. */
export async function runNeedles(flags: NeedleFlags): Promise<void> {
  const terminal = flags.json ? silentTerminal() : openTerminal(process.stdout)
  const run = findRun(flags.out, flags.run)
  const folder = checkpointOf(run, flags.out)
  const model = loadAnyModel(folder)
  const tokenizer = Tokenizer.load(join(folder, 'tokenizer.json'))
  const reader = modelReader(model, { dtype: flags.kvDtype })
  const lengths = flags.lengths ?? defaultLengths(reader.longest)
  const texts = await heldOutText(run, flags, terminal)
  const results = { cells: [] as GridCell[], wrong: [] as WrongAnswer[], changed: [] as ChangedSample[] }
  const kinds = needleKinds.filter((kind) => flags.kinds.includes(kind))
  if (kinds.length > 0) await askNeedles()
  if (flags.kinds.includes('changed')) await askChanged()
  const path = join(run.folder, 'needles.html')
  writeAside(path, needlesPage({ name: run.name, ...results }))
  printGrid(results.cells, { flags, terminal, run, path })

  async function askNeedles(): Promise<void> {
    const stage = startStage(terminal, 'needles')
    const filler = texts.length > 0 ? streamFiller(await tokenStream(texts, tokenizer)) : generatedFiller(tokenizer)
    const sources = { writer: new NeedleWriter(tokenizer), filler, bosId: tokenizer.bosId }
    const { cells, mistakes } = await needleGrid(reader, sources, {
      ...flags,
      lengths,
      kinds,
      onProgress: ({ kind, length, tokens, ofTokens }) =>
        stage.update(`${kind}, ${count(length)} tokens, ${percent(tokens / ofTokens)} read`),
    })
    stage.done(`${cells.reduce((sum, { asked }) => sum + asked, 0)} asked, ${percent(needleAccuracy(cells))} right`)
    results.cells.push(...cells)
    results.wrong.push(...mistakes.map((mistake) => wrongAnswer(mistake, tokenizer)))
  }

  async function askChanged(): Promise<void> {
    const stage = startStage(terminal, 'changed sentence')
    const text = flags.book === undefined ? texts.map((piece) => piece.text).join('\n\n') : readBook(flags.book)
    const { cells, samples } = await changedGrid(reader, tokenizer, text, {
      ...flags,
      lengths,
      onProgress: ({ length, tokens, ofTokens }) =>
        stage.update(`${count(length)} tokens, ${percent(tokens / ofTokens)} read`),
    })
    const mean = (field: 'right' | 'alone'): number =>
      cells.reduce((sum, cell) => sum + cell[field], 0) / cells.reduce((sum, cell) => sum + cell.asked, 0)
    const chance = cells.reduce((sum, cell) => sum + cell.chance, 0) / cells.length
    stage.done(
      `${percent(mean('right'))} found; from surprise alone ${percent(mean('alone'))}, by chance ${(chance * 100).toFixed(2)}%`,
    )
    results.cells.push(...cells.map((cell): GridCell => ({ kind: 'changed', ...cell })))
    results.changed.push(...samples)
  }
}

/** 512, 2,048, ... and the most that the model reads. */
function defaultLengths(longest: number): number[] {
  const lengths: number[] = []
  for (let length = shortestLength; length < longest; length *= 4) lengths.push(length)
  return [...lengths, longest]
}

/** Text that the run was not trained on: what --data names, or the held-out side of its own corpus; none for the world. */
async function heldOutText(run: Run, { data, kinds, book }: NeedleFlags, terminal: Terminal) {
  const { request } = run.record
  const needed = needleKinds.some((kind) => kinds.includes(kind)) || book === undefined
  if (!needed || (data === undefined && request.world !== undefined)) return []
  const stage = startStage(terminal, 'reading text')
  const root = request.dataRoot ?? nodeModulesRoot()
  const { documents } = await openCorpus({ paths: data ?? request.data, root })
  const split = splitDocuments(documents)
  const pieces =
    data !== undefined || split.validation.length === 0 ? [...split.train, ...split.validation] : split.validation
  const characters = pieces.reduce((sum, { text }) => sum + text.length, 0)
  stage.done(`${count(characters)} characters${data === undefined ? ', held out' : ''}`)
  return pieces
}

function readBook(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code = 'an error' } = cause as NodeJS.ErrnoException
    throw new PolluxError(`needles: --book must be a file of text, got ${path} (${code})`, { cause })
  }
}

function wrongAnswer({ answer, ...rest }: NeedleMistake, tokenizer: Tokenizer): WrongAnswer {
  return { ...rest, answer: tokenizer.decode([...answer]).trim() }
}

interface Where {
  flags: NeedleFlags
  terminal: Terminal
  run: Run
  path: string
}

function printGrid(cells: GridCell[], { flags, terminal, run, path }: Where): void {
  if (flags.json) {
    for (const cell of cells) printJson({ event: 'cell', ...cell })
    const kinds = Object.fromEntries(
      flags.kinds.map((kind) => [kind, shareOf(cells.filter((cell) => cell.kind === kind))]),
    )
    printJson({ event: 'done', run: run.name, report: path, ...kinds })
    return
  }
  for (const kind of flags.kinds) {
    drawGrid(
      kind,
      cells.filter((cell) => cell.kind === kind),
      terminal,
    )
  }
  terminal.line(`\n  ${terminal.paint('dim', 'report'.padEnd(12))} ${printable(path)}`)
}

/** A row a length, a column a depth; the darker a cell, the more was right. */
function drawGrid(kind: NeedleTask, cells: GridCell[], terminal: Terminal): void {
  const lengths = [...new Set(cells.map(({ length }) => length))]
  terminal.line(`\n  ${terminal.paint('bold', kind.padEnd(12))} depth 0 to 1`)
  for (const length of lengths) {
    const row = cells.filter((cell) => cell.length === length)
    const marks = row.map(({ right, asked }) => shade(right / asked, terminal)).join(' ')
    terminal.line(`  ${count(length).padStart(9)}   ${marks}   ${percent(shareOf(row)).padStart(5)}`)
  }
}

function shade(share: number, terminal: Terminal): string {
  const mark = ['··', '░░', '▒▒', '▓▓', '██'][Math.min(4, Math.floor(share * 4))]
  return terminal.paint(share >= 0.95 ? 'green' : share >= 0.5 ? 'yellow' : 'red', mark)
}

function shareOf(cells: readonly GridCell[]): number {
  const sum = (field: 'right' | 'asked'): number => cells.reduce((total, cell) => total + cell[field], 0)
  return sum('right') / sum('asked')
}
