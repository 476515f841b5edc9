// `pollux media-tokenizer`: the flags; the work is in mediaTokenizerRun.ts, loaded when the command runs.
import { type Command, Option } from 'commander'
import { folderPath, oneOf, positiveNumber, repeated, wholeNumber, wholeNumbers } from './flags.ts'

/** Flags of `pollux media-tokenizer` as commander hands them over. */
export interface MediaTokenizerFlags {
  data?: string[]
  world?: boolean
  kind: 'image' | 'audio' | 'both'
  minutes: number
  patch: number
  mels: number
  levels: number[]
  tokens: number
  hidden: number
  seed: number
  out: string
  json?: boolean
}

const examples = `
Examples:
  $ npx pollux media-tokenizer                                        both kinds, on the generated world
  $ npx pollux media-tokenizer --data photos/ --patch 16 --tokens 4   on your own pictures (and sounds, if any)
  $ npx pollux media-tokenizer --kind audio --data 'calls/*.mp3'      of sounds alone
  $ npx pollux media-tokenizer --levels 8,5,5,5 --tokens 1            1000 codes, one a patch

The folder gets image/ and audio/ (config.json, model.safetensors) and report.html, originals beside reconstructions.
`

/** Adds the command. */
export function addMediaTokenizer(program: Command): void {
  program
    .command('media-tokenizer')
    .description('train the codes that pictures and sounds are written in')
    .option('--data <path>', 'DIR, FILE or GLOB of pictures, sounds, clips; may be given again', repeated)
    .option('--world', 'train on the generated world (the default without --data)')
    .option('--kind <name>', 'image, audio or both', oneOf('--kind', ['image', 'audio', 'both']), 'both')
    .option('--minutes <x>', 'time to train each kind', positiveNumber('--minutes'), 0.7)
    .option('--patch <n>', 'side of a patch in pixels', wholeNumber('--patch', 1, 128), 12)
    .option('--mels <n>', 'mel bands of a sound', wholeNumber('--mels', 8, 512), 64)
    .addOption(
      new Option('--levels <list>', 'levels of each coordinate of a token')
        .argParser(wholeNumbers('--levels', 3, 256))
        .default([4, 4, 4, 4], '4,4,4,4'),
    )
    .option('--tokens <n>', 'tokens for each patch, and for each 40 ms of sound', wholeNumber('--tokens', 1, 64), 2)
    .option('--hidden <n>', 'width of encoder and decoder', wholeNumber('--hidden', 8, 4096), 128)
    .option('--seed <n>', 'seed of weights and order', wholeNumber('--seed', 0, 2 ** 31 - 1), 0)
    .option('--out <dir>', 'folder to write', folderPath('--out'), 'media-tokenizer')
    .option('--json', 'print one object every 50 steps and a last one when done')
    .addHelpText('after', examples)
    .action(async (flags: MediaTokenizerFlags) => {
      const { runMediaTokenizer } = await import('./mediaTokenizerRun.ts')
      process.exitCode = await runMediaTokenizer(flags)
    })
}
