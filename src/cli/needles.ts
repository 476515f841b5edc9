// `pollux needles`: the flags; the work is in needlesRun.ts, loaded when the command runs.
import type { Command } from 'commander'
import { folderName, oneOf, repeated, tokenCounts, wholeNumber, words } from './flags.ts'
import { defaultOut } from './runFolder.ts'

/** What can be asked: the kinds of data/needles, and the changed sentence. */
export const needleTasks = ['single', 'multiple', 'aggregated', 'changed'] as const
export type NeedleTask = (typeof needleTasks)[number]

/** Flags of `pollux needles` as commander hands them over. */
export interface NeedleFlags {
  run?: string
  lengths?: number[]
  depths: number
  kinds: NeedleTask[]
  samples: number
  data?: string[]
  book?: string
  seed: number
  kvDtype: 'bf16' | 'int8'
  out: string
  json?: boolean
}

const examples = `
Kinds:
  single        one fact in the document, asked for at its end
  multiple      several facts, each asked for by its name
  aggregated    a trail of three facts from three places, each naming the next
  changed       a book read twice, one word changed: which sentence? (read off from probabilities)

Examples:
  $ npx pollux needles                                         the newest run, up to the length that it reads
  $ npx pollux needles --run big-32k --lengths 1k,4k,32k       a grid of lengths and depths
  $ npx pollux needles --kinds changed --book novel.txt        find the changed sentence in a book
`

/** Adds the command. */
export function addNeedles(program: Command): void {
  program
    .command('needles')
    .description('ask a run for facts hidden in long documents')
    .option('--run <name>', 'name of the run (default: the newest)', folderName('--run'))
    .option(
      '--lengths <list>',
      'tokens of the documents, like 1k,4k,32k (default: up to what the run reads)',
      tokenCounts('--lengths'),
    )
    .option('--depths <n>', 'places from the beginning to the end', wholeNumber('--depths', 1, 101), 11)
    .option('--kinds <list>', `of ${needleTasks.join(', ')}`, words('--kinds', needleTasks), [
      'single',
      'multiple',
      'aggregated',
    ])
    .option('--samples <n>', 'questions at each length and depth', wholeNumber('--samples', 1, 1000), 1)
    .option('--data <path>', "text to hide them in; may be given again (default: the run's held-out text)", repeated)
    .option('--book <file>', 'text for the changed sentence (default: as --data)')
    .option('--seed <n>', 'seed of the questions', wholeNumber('--seed', 0, 2 ** 31 - 1), 0)
    .option(
      '--kv-dtype <dtype>',
      'how keys and values are kept: bf16, or int8 in half the memory',
      oneOf('--kv-dtype', ['bf16', 'int8']),
      'bf16',
    )
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .option('--json', 'print one object a cell and a last one when done')
    .addHelpText('after', examples)
    .action(async (flags: NeedleFlags) => {
      const { runNeedles } = await import('./needlesRun.ts')
      await runNeedles(flags)
    })
}
