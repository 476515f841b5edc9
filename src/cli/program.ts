// The `pollux` program: its commands, and how mistakes on the command line are worded.
import { Command } from 'commander'
import { addAsk } from './ask.ts'
import { addBench } from './benchServe.ts'
import { addChat } from './chat.ts'
import { addCompare } from './compare.ts'
import { addEval } from './eval.ts'
import { addExport } from './export.ts'
import { addInspect } from './inspect.ts'
import { addLengthen } from './lengthen.ts'
import { addMediaTokenizer } from './mediaTokenizer.ts'
import { addNeedles } from './needles.ts'
import { addRouting } from './routing.ts'
import { addRuns } from './runs.ts'
import { addSample } from './sample.ts'
import { addServe } from './serve.ts'
import { addTrain } from './train.ts'
import { version } from './version.ts'

/** The whole command line; nothing runs until `parseAsync`. Mistakes throw CommanderError or UsageError. */
export function buildProgram(): Command {
  const program = new Command('pollux')
    .description('Train and try small sparse language models on your own files, on a CPU.')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({ outputError: (text, write) => write(wordUsage(text)) })
    .addHelpText(
      'after',
      `
Examples:
  $ npx pollux train                               five minutes on the packages under node_modules
  $ npx pollux train --data notes/ --minutes 30    on your own text
  $ npx pollux sample --prompt "import { "         the newest run continues a text
  $ npx pollux train --world --minutes 10          pictures, sound, video and drawing
  $ npx pollux eval --world                        what the newest run has learnt of it
  $ npx pollux serve                               the newest run for the Gemini and OpenAI APIs, and a studio
  $ npx pollux chat                                talk to it here
  $ npx pollux routing                             what its experts read
  $ npx pollux runs                                what there is
  $ npx pollux compare --dry-run                   what experts buy against dense models, and what it takes to know
  $ npx pollux inspect gemma-4-26b-a4b             what a model holds, uses, costs and keeps

Environment:
  POLLUX_THREADS=N   threads of the kernels        POLLUX_ISA=NAME   scalar, avx2, avx512, avx512bf16, amx, neon
  POLLUX_DEBUG=1     stacks of errors              NO_COLOR=1        no colours
`,
    )
  addTrain(program)
  addSample(program)
  addEval(program)
  addAsk(program)
  addServe(program)
  addChat(program)
  addLengthen(program)
  addNeedles(program)
  addRouting(program)
  addRuns(program)
  addInspect(program)
  addExport(program)
  addMediaTokenizer(program)
  addCompare(program)
  addBench(program)
  return program
}

/** commander's "error: ... (Did you mean --x?)" in this project's shape. */
export function wordUsage(text: string): string {
  return text.replace(/^error: /, 'pollux: ').replace(/\n\(Did you mean (.*)\?\)/, '\nhint: did you mean $1?')
}
