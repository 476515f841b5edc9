// `pollux sample`: the flags; the work is in sampleRun.ts, loaded when the command runs.
import type { Command } from 'commander'
import type { WeightKind } from '../model/index.ts'
import { folderName, nonNegativeNumber, oneOf, share, wholeNumber } from './flags.ts'
import { defaultOut } from './runFolder.ts'
import { weightsOption } from './weightsOption.ts'

/** Flags of `pollux sample` as commander hands them over. */
export interface SampleFlags {
  run?: string
  prompt: string
  tokens: number
  temperature: number
  topK: number
  topP: number
  seed: number
  weights: WeightKind
  kvDtype: 'bf16' | 'int8'
  out: string
  json?: boolean
}

const examples = `
Examples:
  $ npx pollux sample --prompt "import { "                the newest run
  $ npx pollux sample --run big --prompt "# " --tokens 400
  $ npx pollux sample --temperature 0                     the likeliest text, always the same
  $ npx pollux sample --run big --weights int8            with weights of 8 bits
  $ npx pollux sample --prompt "$(cat book.txt)" --kv-dtype int8
`

/** Adds the command. */
export function addSample(program: Command): void {
  program
    .command('sample')
    .description('let a run continue a text')
    .option('--run <name>', 'name of the run (default: the newest)', folderName('--run'))
    .option('--prompt <text>', 'text to continue', '')
    .option('--tokens <n>', 'tokens to write at most', wholeNumber('--tokens'), 200)
    .option('--temperature <x>', '0: the likeliest token; 1: as learnt', nonNegativeNumber('--temperature'), 0.8)
    .option('--top-k <n>', 'only the k likeliest tokens; 0: all', wholeNumber('--top-k', 0), 0)
    .option('--top-p <x>', 'only the likeliest tokens that hold this much probability', share('--top-p'), 1)
    .option('--seed <n>', 'seed of the draws', wholeNumber('--seed', 0, 2 ** 31 - 1), 0)
    .addOption(weightsOption())
    .option(
      '--kv-dtype <dtype>',
      'how keys and values are kept: bf16, or int8 in half the memory',
      oneOf('--kv-dtype', ['bf16', 'int8']),
      'bf16',
    )
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .option('--json', 'print one object a piece of text and a last one when done')
    .addHelpText('after', examples)
    .action(async (flags: SampleFlags) => {
      const { continueText } = await import('./sampleRun.ts')
      await continueText(flags)
    })
}
