// `pollux train`: the flags, and nothing else. What they mean together is in trainPlan.ts, the work in trainRun.ts;
// both are loaded when the command runs, so that --help works where the addon was not built.
import { type Command, Option } from 'commander'
import type { PresetName } from '../model/index.ts'
import { folderName, oneOf, positiveNumber, repeated, wholeNumber } from './flags.ts'
import { defaultOut } from './runFolder.ts'
import type { TrainFlags } from './trainPlan.ts'

/** Names that --preset takes (those of model/presets.ts). */
export const presets: readonly PresetName[] = ['micro', 'nano']

const examples = `
Examples:
  $ npx pollux train                                          nano, 5 minutes, on the packages under node_modules
  $ npx pollux train --data notes/ --data 'src/**/*.ts'       on your own files, all that are given together
  $ npx pollux train --world --minutes 10                     pictures, sound, video and drawing from a generated world
  $ npx pollux train --data labelled.jsonl --augment          rows of parts: text, inlineData, fileData
  $ npx pollux train --depth 8 --minutes 60 --run big         a larger model, an hour, runs/big
  $ npx pollux train --resume --run big --minutes 120         go on to two hours in all
  $ npx pollux train --routing balance=bias,experts=32,top-k=4,shared=off
  $ npx pollux train --upcycle plain --routing experts=16     from a run trained with --routing experts=0
  $ npx pollux train --preset micro --steps 50 --json         for programs: one object a step

Keys of --routing (docs/decisions/011-routing.md says what each does):
  experts=N  top-k=K  expert-width=N    experts of a layer (0: a dense model), those of a token, and their width
  shared=off|N                          width of the dense MLP beside the experts
  choice=token|expert|round-robin       rows choose; experts choose (in training only); nobody does (for benches)
  score=softmax|sigmoid  renormalise=on|off  expert-scale=on|off  norm-first=on|off  groups=N  top-groups=N
  capacity=X  drop=probability|position most rows of an expert, as a multiple of its share; 0: any number
  balance=aux|bias|quantile|sinkhorn|none  aux=X  aux-scope=sequence|batch|global  z=X  bias-rate=X  bias-until=X
  jitter=X  warmup=X  warmup-by=uniform|temperature|balance

Ctrl-C finishes the step, saves, and says how to go on.
`

/** Adds the command. */
export function addTrain(program: Command): void {
  program
    .command('train')
    .description('train a model on text and code')
    .option('--data <path>', 'DIR, FILE or GLOB of text; may be given again (default: node_modules)', repeated)
    .option(
      '--world [mix]',
      'the generated world: scenes, sounds, clips, drawing (default mix, or tasks like scene=2,draw=1)',
    )
    .option('--augment [how]', 'vary the pictures and sounds of --data; "mirror" also mirrors pictures')
    .option('--media-tokenizer <dir>', 'codes for what is drawn and spoken (default for --world: trained first)')
    .option('--patch <n>', 'pixels of a side of a picture patch (default: 12)', wholeNumber('--patch', 1, 256))
    .option('--image-tokens <n>', 'most tokens of a picture (default: 9)', wholeNumber('--image-tokens', 1, 4096))
    .option('--preset <name>', `model: ${presets.join(', ')} (default: nano)`, oneOf('--preset', presets))
    .option('--depth <n>', 'model by its number of layers; width and the rest follow', wholeNumber('--depth', 1, 64))
    .option('--routing <keys>', 'how experts are chosen and balanced: key=value,... (keys below)')
    .option('--upcycle <run>', 'begin with the weights of a dense run, its MLP in every expert')
    .option('--minutes <n>', 'time to train (default: 5)', positiveNumber('--minutes'))
    .option('--steps <n>', 'steps to train, instead of --minutes', wholeNumber('--steps'))
    .option('--run <name>', 'name of the run (default: the day and a word)', folderName('--run'))
    .option('--resume', 'go on with a run (default: the newest)')
    .option('--seed <n>', 'seed of weights and order (default: 0)', wholeNumber('--seed', 0, 2 ** 31 - 1))
    .option('--batch <n>', 'sequences a batch', wholeNumber('--batch', 1, 65536))
    .option('--context <n>', 'tokens a sequence', wholeNumber('--context', 2, 1048576))
    .option(
      '--vocab <n>',
      'tokens of the vocabulary, the 256 bytes and 24 special ones included',
      wholeNumber('--vocab', 280, 1048576),
    )
    .option('--lr <x>', "peak learning rate (of Muon's matrices, under muon; the rest follows)", positiveNumber('--lr'))
    .option(
      '--optimizer <name>',
      'muon (attention and dense MLP; AdamW for the rest), muon-all (experts too) or adamw (default: muon)',
      oneOf('--optimizer', ['muon', 'muon-all', 'adamw']),
    )
    .option('--dtype <name>', 'arithmetic: bf16 or f32 (default: bf16)', oneOf('--dtype', ['bf16', 'f32']))
    .option('--checkpoint-every <n>', 'steps between saves (default: by time)', wholeNumber('--checkpoint-every'))
    .option('--keep-checkpoints', 'keep the model of every save under checkpoints/ (pollux routing compares them)')
    .option('--no-routing-record', 'do not record what routers do, nor warn when routing collapses')
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .addOption(new Option('--json', 'print one object a step and a last one when done').conflicts('quiet'))
    .option('--quiet', 'print nothing but errors')
    .addHelpText('after', examples)
    .action(async (flags: TrainFlags) => {
      const { planTraining } = await import('./trainPlan.ts')
      const { runTraining } = await import('./trainRun.ts')
      process.exitCode = await runTraining(planTraining(flags), flags)
    })
}
