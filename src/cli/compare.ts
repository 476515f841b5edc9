// `pollux compare`: the flags, and nothing else. The plan is in compareRequest.ts, the work in compareRun.ts.
import { type Command, Option } from 'commander'
import type { PresetName } from '../model/index.ts'
import type { Ablation } from '../train/index.ts'
import { folderName, oneOf, positiveNumber, repeated, share, wholeNumber } from './flags.ts'
import { defaultOut } from './runFolder.ts'
import { presets } from './train.ts'
import { UsageError } from './usage.ts'

/** Names that --ablate takes (those of train/compareVariants.ts). */
export const ablationNames: readonly Ablation[] = [
  'balance',
  'z',
  'top-k',
  'experts',
  'shared',
  'capacity',
  'choice',
  'upcycle',
]

/** Flags of `pollux compare` as commander hands them over. */
export interface CompareFlags {
  data?: string[]
  preset?: PresetName
  depth?: number
  routing?: string
  steps?: number
  seeds?: number
  seed?: number
  tune?: number[]
  tuneSteps?: number
  horizons?: number[]
  total: boolean
  ablate?: Ablation[]
  ablateSteps?: number
  ablateSeeds?: number
  batch?: number
  context?: number
  vocab?: number
  optimizer?: 'muon' | 'muon-all' | 'adamw'
  dtype?: 'bf16' | 'f32'
  evals?: number
  evalBatches?: number
  run?: string
  resume?: boolean
  dryRun?: boolean
  out: string
  json?: boolean
  quiet?: boolean
}

const examples = `
Trains a mixture of experts, its dense twin (as many FLOPs a token) and a dense model of equal total size, on the same
batches in the same order, each at its own learning rate and for several seeds. The report says what the experts buy per
token, per FLOP, per second and per byte, with 95% intervals over the seeds.

Examples:
  $ npx pollux compare --dry-run                                 what would be trained, and for how long
  $ npx pollux compare --run sparse                              nano, 600 steps, 3 seeds, the packages under node_modules
  $ npx pollux compare --run sparse --resume                     go on after an interruption with what is missing
  $ npx pollux compare --data books/ --steps 1500 --no-total     on your own text, longer, without the large dense model
  $ npx pollux compare --routing experts=32,top-k=4,expert-width=96 --run finer     another shape of experts
  $ npx pollux compare --run sparse --resume --ablate balance,top-k --ablate-seeds 1   add ablations
  $ npx pollux compare --preset micro --steps 40 --seeds 2 --json                    for programs
`

/** Adds the command. */
export function addCompare(program: Command): void {
  program
    .command('compare')
    .description('hold a mixture of experts against dense models, with seeds and intervals')
    .option('--data <path>', 'DIR, FILE or GLOB of text; may be given again (default: node_modules)', repeated)
    .option('--preset <name>', `model: ${presets.join(', ')} (default: nano)`, oneOf('--preset', presets))
    .option('--depth <n>', 'model by its number of layers', wholeNumber('--depth', 1, 64))
    .option('--routing <spec>', 'changes of the sparse model, as in `pollux train --routing`')
    .option('--steps <n>', 'steps of a full training (default: 600)', wholeNumber('--steps', 2))
    .option('--seeds <n>', 'full trainings of each model (default: 3)', wholeNumber('--seeds', 1, 100))
    .option('--seed <n>', 'the first seed (default: 0)', wholeNumber('--seed', 0, 2 ** 30))
    .option(
      '--tune <list>',
      'factors on the learning rates to try; one: no sweep (default: 0.5,1,2)',
      factors('--tune'),
    )
    .option('--tune-steps <n>', 'steps of a try (default: a quarter of --steps)', wholeNumber('--tune-steps', 2))
    .option(
      '--horizons <list>',
      'lengths of shorter trainings of the sparse model, or off (default: 0.4,0.55,0.7,0.85)',
      shares('--horizons'),
    )
    .option('--no-total', 'leave out the dense model of equal total size')
    .option('--ablate <list>', `ablations: ${ablationNames.join(', ')}, or all`, ablationList)
    .option('--ablate-steps <n>', 'steps of an ablation (default: --steps)', wholeNumber('--ablate-steps', 2))
    .option(
      '--ablate-seeds <n>',
      'trainings of each ablation (default: --seeds)',
      wholeNumber('--ablate-seeds', 1, 100),
    )
    .option('--batch <n>', 'sequences a batch', wholeNumber('--batch', 1, 65536))
    .option('--context <n>', 'tokens a sequence', wholeNumber('--context', 2, 1048576))
    .option('--vocab <n>', 'tokens of the vocabulary', wholeNumber('--vocab', 280, 1048576))
    .option(
      '--optimizer <name>',
      'muon, muon-all (experts too) or adamw (default: muon)',
      oneOf('--optimizer', ['muon', 'muon-all', 'adamw']),
    )
    .option('--dtype <name>', 'arithmetic: bf16 or f32 (default: bf16)', oneOf('--dtype', ['bf16', 'f32']))
    .option('--evals <n>', 'validations of a full training (default: 12)', wholeNumber('--evals', 1, 1000))
    .option('--eval-batches <n>', 'batches of a validation (default: 16)', wholeNumber('--eval-batches', 1, 4096))
    .option('--run <name>', 'name of the comparison (default: the day and a word)', folderName('--run'))
    .option('--resume', 'go on with the comparison of --run, or add to it')
    .option('--dry-run', 'print the plan with the expected time, and train nothing')
    .option('--out <dir>', 'folder that holds the runs', defaultOut)
    .addOption(new Option('--json', 'print one object a training and a last one when done').conflicts('quiet'))
    .option('--quiet', 'print nothing but errors')
    .addHelpText('after', examples)
    .action(async (flags: CompareFlags) => {
      const { planComparison } = await import('./compareRequest.ts')
      const { runComparison } = await import('./compareRun.ts')
      process.exitCode = await runComparison(planComparison(flags), flags)
    })
}

/** Numbers above 0 with commas between. */
function factors(flag: string): (text: string) => number[] {
  const one = positiveNumber(flag)
  return (text) => text.split(',').map((part) => one(part))
}

/** Shares below 1 with commas between, or off. */
function shares(flag: string): (text: string) => number[] {
  const one = share(flag)
  return (text) => {
    if (text === 'off') return []
    return text.split(',').map((part) => {
      const value = one(part)
      if (value < 1) return value
      throw new UsageError(`${flag}: must be below 1 (the full length is trained anyway), got ${part}`)
    })
  }
}

function ablationList(text: string): Ablation[] {
  if (text === 'all') return [...ablationNames]
  return text.split(',').map((name) => oneOf('--ablate', ablationNames)(name.trim()))
}
