import { describe, expect, it } from 'vitest'
import { presetNames } from '../model/index.ts'
import { ablations } from '../train/index.ts'
import { ablationNames } from './compare.ts'
import { buildProgram, wordUsage } from './program.ts'
import { presets } from './train.ts'

const flagsOf = (command: string) =>
  buildProgram()
    .commands.find((c) => c.name() === command)!
    .options.map((option) => option.flags)

// A change here is a change of what people and scripts type: it needs a line in the release notes.
describe('the surface of the command line', () => {
  it('has these commands', () => {
    expect(buildProgram().commands.map((command) => command.name())).toEqual([
      'train',
      'sample',
      'eval',
      'ask',
      'serve',
      'chat',
      'lengthen',
      'needles',
      'routing',
      'runs',
      'inspect',
      'export',
      'media-tokenizer',
      'compare',
      'bench',
    ])
  })

  it('has these flags on train', () => {
    expect(flagsOf('train')).toEqual([
      ...[
        '--data <path>',
        '--world [mix]',
        '--augment [how]',
        '--media-tokenizer <dir>',
        '--patch <n>',
        '--image-tokens <n>',
        '--preset <name>',
        '--depth <n>',
        '--routing <keys>',
        '--upcycle <run>',
        '--minutes <n>',
        '--steps <n>',
        '--run <name>',
        '--resume',
      ],
      ...['--seed <n>', '--batch <n>', '--context <n>', '--vocab <n>', '--lr <x>', '--optimizer <name>'],
      ...[
        '--dtype <name>',
        '--checkpoint-every <n>',
        '--keep-checkpoints',
        '--no-routing-record',
        '--out <dir>',
        '--json',
        '--quiet',
      ],
    ])
  })

  it('has these flags on sample', () => {
    expect(flagsOf('sample')).toEqual([
      ...['--run <name>', '--prompt <text>', '--tokens <n>', '--temperature <x>', '--top-k <n>', '--top-p <x>'],
      ...['--seed <n>', '--weights <kind>', '--kv-dtype <dtype>', '--out <dir>', '--json'],
    ])
  })

  it('has these flags on routing', () => {
    expect(flagsOf('routing')).toEqual([
      ...['--run <name>', '--data <[name=]path>', '--world [tasks]', '--against <what>', '--tokens <n>', '--layer <n>'],
      ...['--seed <n>', '--out <dir>', '--json'],
    ])
  })

  it('has these flags on eval and ask', () => {
    expect(flagsOf('eval')).toEqual([
      ...['--run <name>', '--world [tasks]', '--data <path>', '--neighbours <path>', '--items <n>', '--seed <n>'],
      ...['--out <dir>', '--json'],
    ])
    expect(flagsOf('ask')).toEqual([
      ...['--question <text>', '--run <name>', '--fps <x>', '--max-frames <n>', '--tokens <n>', '--draw <file>'],
      ...['--out <dir>', '--json'],
    ])
  })

  it('has these flags on runs', () => {
    expect(flagsOf('runs')).toEqual(['--out <dir>', '--json'])
  })

  it('has these flags on inspect', () => {
    expect(flagsOf('inspect')).toEqual(['--context <n>', '--out <dir>', '--json'])
  })

  it('has these flags on media-tokenizer', () => {
    expect(flagsOf('media-tokenizer')).toEqual([
      ...['--data <path>', '--world', '--kind <name>', '--minutes <x>', '--patch <n>', '--mels <n>', '--levels <list>'],
      ...['--tokens <n>', '--hidden <n>', '--seed <n>', '--out <dir>', '--json'],
    ])
  })

  it('has these flags on compare', () => {
    expect(flagsOf('compare')).toEqual([
      ...['--data <path>', '--preset <name>', '--depth <n>', '--routing <spec>', '--steps <n>', '--seeds <n>'],
      ...['--seed <n>', '--tune <list>', '--tune-steps <n>', '--horizons <list>', '--no-total', '--ablate <list>'],
      ...['--ablate-steps <n>', '--ablate-seeds <n>', '--batch <n>', '--context <n>', '--vocab <n>'],
      ...['--optimizer <name>', '--dtype <name>', '--evals <n>', '--eval-batches <n>', '--run <name>', '--resume'],
      ...['--dry-run', '--out <dir>', '--json', '--quiet'],
    ])
  })

  it('takes the ablations that a comparison knows', () => {
    expect(ablationNames).toEqual(ablations)
  })

  it('takes the presets that the model has', () => {
    expect(presets).toEqual(presetNames)
  })

  it('shows examples in the help of each command', () => {
    for (const command of buildProgram().commands) {
      let help = ''
      command.configureOutput({ writeOut: (text) => (help += text) })
      command.outputHelp()
      expect(help).toContain('Examples:')
      expect(help).toContain(`npx pollux ${command.name()}`)
    }
  })
})

describe('wording', () => {
  it('turns the parser’s suggestion into a hint', () => {
    expect(wordUsage("error: unknown option '--minuts'\n(Did you mean --minutes?)\n")).toBe(
      "pollux: unknown option '--minuts'\nhint: did you mean --minutes?\n",
    )
  })
})
