// Runs `pollux eval`: asks a run's checkpoint, prints a table, and writes eval.html with what it drew and spoke.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { worldTasks } from '../data/index.ts'
import { defaultWorldItems, evalWorld, type KindScore, type WorldScores } from '../evals/index.ts'
import { recoverFolder } from '../model/index.ts'
import { PolluxError } from '../util/index.ts'
import type { EvalFlags } from './eval.ts'
import { evalRows } from './evalRows.ts'
import { percent } from './format.ts'
import { printJson } from './json.ts'
import { type MediaModel, openMediaModel } from './mediaModel.ts'
import { startStage } from './progress.ts'
import { worldPage } from './report/worldPage.ts'
import { findRun, type Run, runPaths, writeAside } from './runFolder.ts'
import { openTerminal, silentTerminal, type Terminal } from './terminal.ts'
import { parseMixture, resumeCommand } from './trainPlan.ts'
import { UsageError } from './usage.ts'

/** Asks what the flags say. */
export async function runEval(flags: EvalFlags): Promise<void> {
  if (flags.world === undefined && flags.data === undefined) {
    throw new UsageError('eval: must be given --world or --data, got neither', 'npx pollux eval --world')
  }
  const terminal = flags.json ? silentTerminal() : openTerminal(process.stdout)
  const run = findRun(flags.out, flags.run)
  const asker = openMediaModel(checkpointOf(run, flags.out))
  if (flags.data !== undefined) return evalRows({ flags, run, asker, terminal })
  await evalOnWorld(flags, { run, asker, terminal })
}

/** Folder of a run's checkpoint. @throws PolluxError when it has none */
export function checkpointOf(run: Run, out: string, command = 'eval'): string {
  const { checkpoint } = runPaths(run.folder)
  recoverFolder(checkpoint)
  if (existsSync(checkpoint)) return checkpoint
  throw new PolluxError(`${command}: run "${run.name}" must have a checkpoint, got none in ${run.folder}`, {
    hint: `${resumeCommand(run, out)} trains it to one`,
  })
}

async function evalOnWorld(
  flags: EvalFlags,
  { run, asker, terminal }: { run: Run; asker: MediaModel; terminal: Terminal },
): Promise<void> {
  const tasks = typeof flags.world === 'string' ? Object.keys(parseMixture(flags.world)) : worldTasks
  const items = Object.fromEntries(
    worldTasks.map((task) => [
      task,
      tasks.includes(task) && canAnswer(task, asker) ? (flags.items ?? defaultWorldItems[task]) : 0,
    ]),
  )
  let stage: { task: string; stage: ReturnType<typeof startStage>; total: number } | undefined
  const scores = await evalWorld(asker, {
    seed: flags.seed,
    items,
    onProgress(task, done, total) {
      if (stage?.task !== task) {
        stage?.stage.done(`${stage.total} asked`)
        stage = { task, stage: startStage(terminal, task), total }
      }
      stage.stage.update(`${done} of ${total}`)
    },
  })
  stage?.stage.done(`${stage.total} asked`)
  const path = join(run.folder, 'eval.html')
  writeAside(path, await worldPage(run.name, scores))
  printScores(scores, { flags, terminal, run, path })
}

/** Pictures and sounds are asked for only where the model has codes for them. */
function canAnswer(task: (typeof worldTasks)[number], { codes }: MediaModel): boolean {
  if (task === 'draw' || task === 'edit') return codes.image !== undefined
  return task === 'play' || task === 'say' ? codes.audio !== undefined : true
}

function printScores(
  { kinds, mistakes }: WorldScores,
  { flags, terminal, run, path }: { flags: EvalFlags; terminal: Terminal; run: Run; path: string },
): void {
  const groups = groupScores(kinds)
  if (flags.json) {
    for (const { task, kind, right, asked } of kinds) printJson({ event: 'kind', task, kind, right, asked })
    printJson({
      event: 'done',
      run: run.name,
      report: path,
      ...Object.fromEntries(groups.map((g) => [g.name, g.right / g.asked])),
    })
    return
  }
  terminal.line()
  for (const { name, right, asked } of groups) {
    terminal.line(
      `  ${name.padEnd(24)} ${terminal.paint('bold', percent(right / asked).padStart(6))}  ${right} of ${asked}`,
    )
    for (const score of kinds.filter((each) => groupOf(each) === name && each.kind !== name)) {
      terminal.line(
        terminal.paint(
          'dim',
          `    ${score.kind.padEnd(22)} ${percent(score.right / score.asked).padStart(6)}  ${score.right} of ${score.asked}`,
        ),
      )
    }
  }
  if (mistakes.length > 0) {
    const { question, answer, expected } = mistakes[0]
    terminal.line(
      `\n  ${mistakes.length} text answers were wrong, the first: ${question} -> ${JSON.stringify(answer)}, not ${JSON.stringify(expected)}`,
    )
  }
  terminal.line(`  ${terminal.paint('dim', 'report'.padEnd(12))} ${path}`)
}

/** Name of the line that a kind is counted in. */
function groupOf({ task, kind }: KindScore): string {
  if (task === 'scene') return kind === 'caption' ? 'captions' : 'questions'
  if (task === 'clip') return kind === 'motion' ? 'motion' : 'other questions on clips'
  return task
}

function groupScores(kinds: KindScore[]): { name: string; right: number; asked: number }[] {
  const groups = new Map<string, { right: number; asked: number }>()
  for (const score of kinds) {
    const name = groupOf(score)
    const group = groups.get(name) ?? { right: 0, asked: 0 }
    groups.set(name, { right: group.right + score.right, asked: group.asked + score.asked })
  }
  return [...groups].map(([name, group]) => ({ name, ...group }))
}
