// `pollux inspect`: the flags; the work is in inspectRun.ts, loaded when the command runs.
import type { Command } from 'commander'
import { wholeNumber } from './flags.ts'
import { defaultOut } from './runFolder.ts'

/** Flags of `pollux inspect` as commander hands them over. */
export interface InspectFlags {
  context?: number
  out: string
  json?: boolean
}

const examples = `
WHAT is a run, the folder of a checkpoint, a config.json, a .gguf file, a preset (nano), a published model
(gemma-4-26b-a4b, gemma-4-31b, gemma-4-12b, gemma-4-e4b, gemma-4-e2b), or a model on paper. Default: the newest run.

Examples:
  $ npx pollux inspect                                     the newest run
  $ npx pollux inspect nano
  $ npx pollux inspect gemma-4-26b-a4b --context 1000000   what a million tokens take
  $ npx pollux inspect path/to/checkpoint --json
  $ npx pollux inspect model.gguf                          keys and tensors of a GGUF file
  $ npx pollux inspect "32 experts of 50B, 2 active"       held, used, and a dense model to compare with
`

/** Adds the command. */
export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('tell what a model holds, uses for a token, costs and keeps in memory')
    .argument('[what]', 'a run, a checkpoint, a config, a preset, a published model, or a model on paper')
    .option('--context <n>', 'tokens of context (default: what the model is made for)', wholeNumber('--context'))
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .option('--json', 'print one object')
    .addHelpText('after', examples)
    .action(async (what: string | undefined, flags: InspectFlags) => {
      const { inspect } = await import('./inspectRun.ts')
      inspect(what, flags)
    })
}
