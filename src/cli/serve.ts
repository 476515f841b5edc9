// `pollux serve`: the flags; the work is in serveRun.ts, loaded when the command runs.
import type { Command } from 'commander'
import type { WeightKind } from '../model/index.ts'
import { oneOf, positiveNumber, repeated, wholeNumber } from './flags.ts'
import { defaultOut } from './runFolder.ts'
import { weightsOption } from './weightsOption.ts'

/** Flags of `pollux serve` as commander hands them over. */
export interface ServeFlags {
  model?: string
  host: string
  port: number
  apiKey?: string[]
  cors?: string[]
  template?: 'gemma' | 'plain' | 'line'
  rpm?: number
  tpm?: number
  timeout: number
  drain: number
  cacheGb: number
  weights: WeightKind
  kvDtype: 'bf16' | 'int8'
  batch: number
  queue: number
  files: string
  aliases: boolean
  studio: boolean
  log?: 'json' | 'off'
  logTexts?: boolean
  out: string
}

const examples = `
Examples:
  $ npx pollux serve                                   the newest run, for programs on this machine
  $ npx pollux serve --model big --port 8080           a run by its name
  $ npx pollux serve --model ./gemma --kv-dtype int8   a checkpoint folder
  $ npx pollux serve --model big --weights int8        in half the memory, with small errors
  $ npx pollux serve --host 0.0.0.0 --api-key "$KEY"   for other machines: with a key
  $ npx pollux serve --api-key alice=s1 --api-key bob=s2 --rpm 60 --tpm 100000

It speaks the Gemini API (/v1, /v1beta, /v1alpha) and the OpenAI API (/v1, /openai/v1). The studio is at /, metrics at
/metrics, its health at /health. Ctrl-C ends it when the answers in work are done; a second one at once.
`

/** Adds the command. */
export function addServe(program: Command): void {
  program
    .command('serve')
    .description('serve a model to programs for the Gemini and the OpenAI API, and to the studio')
    .option('--model <run>', 'name of a run, or a folder with a checkpoint (default: the newest run)')
    .option('--host <address>', 'address to listen at', '127.0.0.1')
    .option('--port <n>', 'port to listen at; 0: any that is free', wholeNumber('--port', 0, 65535), 8000)
    .option('--api-key <key>', 'a key that requests must carry, or name=key; may be repeated (default: none)', repeated)
    .option(
      '--cors <origin>',
      'pages of this origin may ask; may be repeated (default: those of this machine)',
      repeated,
    )
    .option(
      '--template <name>',
      'how a conversation is written: gemma, plain or line (default: as the model was trained)',
      oneOf('--template', ['gemma', 'plain', 'line']),
    )
    .option('--rpm <n>', 'requests a minute that a key may make (default: no limit)', positiveNumber('--rpm'))
    .option('--tpm <n>', 'tokens a minute that a key may read and write (default: no limit)', positiveNumber('--tpm'))
    .option(
      '--timeout <seconds>',
      'longest time that a request may take; twice that when it streams',
      positiveNumber('--timeout'),
      600,
    )
    .option('--drain <seconds>', 'longest wait for answers in work at the end', positiveNumber('--drain'), 30)
    .option('--cache-gb <x>', 'memory for keys and values', positiveNumber('--cache-gb'), 1)
    .addOption(weightsOption())
    .option(
      '--kv-dtype <dtype>',
      'how keys and values are kept: bf16, or int8 in half the memory',
      oneOf('--kv-dtype', ['bf16', 'int8']),
      'bf16',
    )
    .option('--batch <n>', 'answers written at a time', wholeNumber('--batch', 1, 1024), 32)
    .option('--queue <n>', 'requests that may wait beside them', wholeNumber('--queue', 0), 256)
    .option('--files <dir>', 'folder for uploaded files', '.pollux')
    .option('--no-aliases', "refuse the names of other services' models, like gemini-2.5-flash or gpt-4o")
    .option('--no-studio', 'serve no pages')
    .option(
      '--log <form>',
      'json: one object a request on stderr; off (default: off on a terminal)',
      oneOf('--log', ['json', 'off']),
    )
    .option('--log-texts', 'log prompts too')
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .addHelpText('after', examples)
    .action(async (flags: ServeFlags) => {
      shareHeaps()
      const { runServe } = await import('./serveRun.ts')
      await runServe(flags)
    })
}

/**
 * Starts the process anew, as what it is, with a setting that the C library reads at its start alone: two heaps for all threads.
 * glibc gives up to eight a core, and what one has freed the others do not use. Single runs of the soak ended at 600 MiB instead
 * of 750 (docs/LOG.md); how much is due to it was not measured apart.
 */
function shareHeaps(): void {
  if (process.platform !== 'linux' || process.env.MALLOC_ARENA_MAX !== undefined || !process.execve) return
  // a channel to the process that started this one would be lost
  if (process.send) return
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.execve(process.execPath, args, { ...process.env, MALLOC_ARENA_MAX: '2' })
}
