// `pollux export`: the flags; the work is in exportRun.ts, loaded when the command runs.
import type { Command } from 'commander'
import type { StorableType } from '../model/index.ts'
import { oneOf } from './flags.ts'
import { defaultOut } from './runFolder.ts'
import { UsageError } from './usage.ts'

/** Flags of `pollux export` as commander hands them over. */
export interface ExportFlags {
  gguf?: boolean
  hf?: boolean
  type: StorableType
  out: string
  json?: boolean
}

const types = ['f16', 'bf16', 'q8_0', 'q4_0', 'f32'] as const satisfies readonly StorableType[]

const examples = `
WHAT is a run or the folder of a checkpoint. GGUF holds the text model, the tokenizer and the chat template, for llama.cpp
(0.5 or later for these architectures) and what is built on it; --hf writes the folder that transformers and vLLM read.

Examples:
  $ npx pollux export --gguf my-run my-run.gguf
  $ npx pollux export --gguf --type q8_0 my-run my-run.q8_0.gguf
  $ npx pollux export --gguf path/to/checkpoint model.gguf
  $ npx pollux export --hf my-run folder/
  $ npx pollux inspect my-run.gguf                          what is in it
`

/** Adds the command. */
export function addExport(program: Command): void {
  program
    .command('export')
    .description('write a model for other programs: GGUF for llama.cpp, or a Hugging Face folder')
    .argument('<what>', 'a run, or the folder of a checkpoint')
    .argument('<target>', 'the file (--gguf) or new folder (--hf) to write')
    .option('--gguf', 'write a GGUF file')
    .option('--hf', 'write a Hugging Face folder')
    .option('--type <type>', `how matrices are stored in GGUF: ${types.join(', ')}`, oneOf('--type', types), 'f16')
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .option('--json', 'print one object')
    .addHelpText('after', examples)
    .action(async (what: string, target: string, flags: ExportFlags) => {
      if (flags.gguf === flags.hf) {
        throw new UsageError('export: must be given one of --gguf and --hf', 'npx pollux export --gguf RUN OUT.gguf')
      }
      const { exportModel } = await import('./exportRun.ts')
      await exportModel(what, target, flags)
    })
}
