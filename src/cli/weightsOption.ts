// `--weights`: how commands that write text keep the model. They all take the same words for it.
import { Option } from 'commander'
import type { WeightKind } from '../model/index.ts'
import { oneOf } from './flags.ts'

/** Named here too, so that `--help` need not load the model's code. */
const kinds: readonly WeightKind[] = ['bf16', 'int8', 'int4']

/** The flag, with 'bf16' as default. */
export function weightsOption(): Option {
  const option = new Option('--weights <kind>', 'how weights are kept: bf16, int8 in half of that, int4 in a quarter')
  return option.argParser(oneOf('--weights', kinds)).default('bf16')
}
