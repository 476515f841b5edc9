// `pollux eval`: the flags; the work is in evalRun.ts, loaded when the command runs.
import type { Command } from 'commander'
import { folderName, repeated, wholeNumber } from './flags.ts'
import { defaultOut } from './runFolder.ts'

/** Flags of `pollux eval` as commander hands them over. */
export interface EvalFlags {
  run?: string
  world?: boolean | string
  data?: string[]
  neighbours?: string
  items?: number
  seed: number
  out: string
  json?: boolean
}

const examples = `
Examples:
  $ npx pollux eval --world                        the newest run on held-out scenes, sounds, clips and drawings
  $ npx pollux eval --world draw,edit --items 50   some tasks, 50 items each
  $ npx pollux eval --data test.jsonl --neighbours train.jsonl
                                                   the last text of each row, beside nearest neighbours
`

/** Adds the command. */
export function addEval(program: Command): void {
  program
    .command('eval')
    .description('ask a run what it has learnt')
    .option('--run <name>', 'name of the run (default: the newest)', folderName('--run'))
    .option('--world [tasks]', 'held-out items of the generated world (default: all tasks)')
    .option('--data <path>', 'rows of parts whose last text is the answer; may be given again', repeated)
    .option('--neighbours <path>', 'rows of parts to answer from by nearest neighbours, as a baseline')
    .option('--items <n>', 'items of each task (default: 40 to 200)', wholeNumber('--items'))
    .option('--seed <n>', 'seed of the world (default: that of training)', wholeNumber('--seed', 0, 2 ** 31 - 1), 0)
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .option('--json', 'print one object a kind of question and a last one when done')
    .addHelpText('after', examples)
    .action(async (flags: EvalFlags) => {
      const { runEval } = await import('./evalRun.ts')
      await runEval(flags)
    })
}
