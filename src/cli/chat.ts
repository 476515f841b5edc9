// `pollux chat`: the flags; the work is in chatRun.ts, loaded when the command runs.
import type { Command } from 'commander'
import type { WeightKind } from '../model/index.ts'
import { nonNegativeNumber, oneOf, wholeNumber } from './flags.ts'
import { defaultOut } from './runFolder.ts'
import { weightsOption } from './weightsOption.ts'

/** Flags of `pollux chat` as commander hands them over. */
export interface ChatFlags {
  model?: string
  system?: string
  template?: 'gemma' | 'plain' | 'line'
  temperature: number
  tokens: number
  seed?: number
  think?: boolean
  weights: WeightKind
  out: string
}

const examples = `
Examples:
  $ npx pollux chat                        the newest run
  $ npx pollux chat --model big --system "Answer in one sentence."
  $ npx pollux chat --model big --weights int4
  $ echo "what is a fox?" | npx pollux chat --temperature 0

In the conversation: /help lists what can be typed; Ctrl-C stops an answer, Ctrl-D (or Ctrl-C twice) ends.
`

/** Adds the command. */
export function addChat(program: Command): void {
  program
    .command('chat')
    .description('talk to a model in the terminal')
    .option('--model <run>', 'name of a run, or a folder with a checkpoint (default: the newest run)')
    .option('--system <text>', 'what the model is told first')
    .option(
      '--template <name>',
      'how a conversation is written: gemma, plain or line (default: as the model was trained)',
      oneOf('--template', ['gemma', 'plain', 'line']),
    )
    .option('--temperature <x>', '0: the likeliest token; 1: as learnt', nonNegativeNumber('--temperature'), 0.8)
    .option('--tokens <n>', 'tokens of an answer at most', wholeNumber('--tokens'), 512)
    .option('--seed <n>', 'seed of the draws (default: drawn)', wholeNumber('--seed', 0, 2 ** 31 - 1))
    .option('--think', 'let the model think first, and show it')
    .addOption(weightsOption())
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .addHelpText('after', examples)
    .action(async (flags: ChatFlags) => {
      const { runChat } = await import('./chatRun.ts')
      await runChat(flags)
    })
}
