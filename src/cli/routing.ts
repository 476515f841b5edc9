// `pollux routing`: the flags; the work is in routingRun.ts, loaded when the command runs.
import type { Command } from 'commander'
import { folderName, repeated, wholeNumber } from './flags.ts'
import { defaultOut } from './runFolder.ts'

/** Flags of `pollux routing` as commander hands them over. */
export interface RoutingFlags {
  run?: string
  data?: string[]
  world?: boolean | string
  against?: string[]
  tokens: number
  layer?: number
  seed: number
  out: string
  json?: boolean
}

const examples = `
Domains are code, mathematics, dialogue, prose (by the kind of a file, words of its path, and whether a row asks), image,
sound and video (by the tokens they become); or what NAME=PATH calls them. What stands beside a figure in brackets is what
chance would give: domains shuffled among texts, experts drawn by their loads.

Examples:
  $ npx pollux routing                                     the newest run, on the texts held out from its training
  $ npx pollux routing --data src/ --data books/ --layer 3
  $ npx pollux routing --data law=contracts/ --data verse=poems.txt --tokens 100000
  $ npx pollux routing --world                             pictures, sounds and clips of the generated world
  $ npx pollux train --checkpoint-every 100 --keep-checkpoints --run settled && npx pollux routing --run settled
                                                           how far choices had settled at each save
  $ npx pollux routing --run big --against small --json    another run, or the folder of a checkpoint, beside it
`

/** Adds the command. */
export function addRouting(program: Command): void {
  program
    .command('routing')
    .description('show what the experts of a run read, and write routing.html')
    .option('--run <name>', 'name of the run (default: the newest)', folderName('--run'))
    .option('--data <[name=]path>', 'texts or rows of parts; may be given again (default: those of training)', repeated)
    .option('--world [tasks]', 'held-out documents of the generated world (default: all tasks)')
    .option('--against <what>', 'a run or a checkpoint to compare choices with; may be given again', repeated)
    .option(
      '--tokens <n>',
      'tokens to read, as evenly over domains as may be',
      wholeNumber('--tokens', 1, 2 ** 24),
      32768,
    )
    .option(
      '--layer <n>',
      'layer to print in full (default: that of the most specialised experts)',
      wholeNumber('--layer', 0),
    )
    .option('--seed <n>', 'seed of the order of documents', wholeNumber('--seed', 0, 2 ** 31 - 1), 0)
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .option('--json', 'print one object a layer and a last one when done')
    .addHelpText('after', examples)
    .action(async (flags: RoutingFlags) => {
      const { showRouting } = await import('./routingRun.ts')
      await showRouting(flags)
    })
}
