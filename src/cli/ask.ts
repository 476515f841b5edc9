// `pollux ask`: the flags; the work is in askRun.ts, loaded when the command runs.
import type { Command } from 'commander'
import { folderName, positiveNumber, wholeNumber } from './flags.ts'
import { defaultOut } from './runFolder.ts'

/** Flags of `pollux ask` as commander hands them over. */
export interface AskFlags {
  run?: string
  question: string
  fps: number
  maxFrames: number
  tokens: number
  draw?: string
  out: string
  json?: boolean
}

const examples = `
Examples:
  $ npx pollux ask photo.png                              the newest run describes a picture
  $ npx pollux ask clip.mp4 --fps 2 --question "what moves?"
  $ npx pollux ask --draw out.png --question "draw a red circle left of a blue square"
`

/** Adds the command. */
export function addAsk(program: Command): void {
  program
    .command('ask')
    .description('show a run pictures, sounds or video and ask about them')
    .argument('[files...]', 'picture, sound or video files, read in this order')
    .option('--question <text>', 'what to ask', 'describe')
    .option('--run <name>', 'name of the run (default: the newest)', folderName('--run'))
    .option('--fps <x>', 'frames a second of a video', positiveNumber('--fps'), 1)
    .option('--max-frames <n>', 'most frames of a video', wholeNumber('--max-frames'), 32)
    .option('--tokens <n>', 'tokens to answer with at most', wholeNumber('--tokens'), 32)
    .option('--draw <file>', 'answer with a picture, written to this PNG file')
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .option('--json', 'print one object with tokens and answer')
    .addHelpText('after', examples)
    .action(async (files: string[], flags: AskFlags) => {
      const { runAsk } = await import('./askRun.ts')
      await runAsk(files, flags)
    })
}
