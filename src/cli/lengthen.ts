// `pollux lengthen`: the flags; the work is in lengthenRun.ts, loaded when the command runs.
//
// A command of its own and not a flag of `train`, because it begins with a run instead of a corpus, and makes new runs
// instead of changing that one: what was trained stays, and each stage can be sampled, asked and compared by its name.
import { type Command, Option } from 'commander'
import { folderName, list, nonNegativeNumber, positiveNumber, repeated, tokenCounts, wholeNumber } from './flags.ts'
import { defaultOut } from './runFolder.ts'

/** Flags of `pollux lengthen` as commander hands them over. */
export interface LengthenFlags {
  run?: string
  context: number[]
  minutes?: number[]
  steps?: number[]
  tokens?: number
  ropeFactor?: number
  ropeTheta?: number
  needles: number
  twice: number
  lr?: number
  data?: string[]
  seed?: number
  out: string
  json?: boolean
  quiet?: boolean
}

const examples = `
Each stage goes on from the one before with longer sequences and is a run of its own: big-2k, big-8k, big-32k.
The same command again goes on where it stopped; a stage that is complete is left as it is.

Examples:
  $ npx pollux lengthen                                          the newest run, to 2,048, 8,192 and 32,768 tokens
  $ npx pollux lengthen --run big --context 32k --minutes 10     one stage
  $ npx pollux lengthen --run big --minutes 8,3,4                minutes of each stage
  $ npx pollux needles --run big-32k --lengths 1k,4k,32k         what it can give back from long documents
`

/** Adds the command. */
export function addLengthen(program: Command): void {
  program
    .command('lengthen')
    .description('train a run on longer sequences, so that it reads longer documents')
    .option('--run <name>', 'run to go on from (default: the newest)', folderName('--run'))
    .option(
      '--context <list>',
      'tokens a sequence, a stage each (a k is 1,024)',
      tokenCounts('--context'),
      [2048, 8192, 32_768],
    )
    .option('--minutes <list>', 'minutes of each stage (default: 5)', list(positiveNumber('--minutes')))
    .addOption(
      new Option('--steps <list>', 'steps of each stage, instead of --minutes')
        .argParser(list(wholeNumber('--steps')))
        .conflicts('minutes'),
    )
    .option('--tokens <n>', 'tokens a step, in whole sequences (default: as the run had)', wholeNumber('--tokens'))
    .option(
      '--rope-factor <x>',
      'divide the positions of full layers by it (default: what angles never seen ask for, often 1)',
      positiveNumber('--rope-factor'),
    )
    .option('--rope-theta <x>', 'base of the angles of full layers (default: as it is)', positiveNumber('--rope-theta'))
    .option('--needles <share>', 'share of steps on needle documents', nonNegativeNumber('--needles'), 0.5)
    .option('--twice <share>', 'share of steps on passages read again', nonNegativeNumber('--twice'), 0.2)
    .option('--lr <x>', "peak learning rate, as train's --lr (default: as the run had)", positiveNumber('--lr'))
    .option('--data <path>', "text to train on; may be given again (default: the run's)", repeated)
    .option('--seed <n>', 'seed of the order (default: that of the run)', wholeNumber('--seed', 0, 2 ** 31 - 1))
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .addOption(new Option('--json', 'print one object a step and one at the end of each stage').conflicts('quiet'))
    .option('--quiet', 'print nothing but errors')
    .addHelpText('after', examples)
    .action(async (flags: LengthenFlags) => {
      const { runLengthen } = await import('./lengthenRun.ts')
      process.exitCode = await runLengthen(flags)
    })
}
