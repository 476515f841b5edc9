// Capacity on paper: a sparse model described in words, without a config.
//
//   32 experts of 50B, 2 active                      32 * 50B held, 2 * 50B used for a token
//   128 experts of 200M, 8 active, 1.5B shared       and 1.5B that every token meets
//   ... against a dense 400B                         what to compare with
//
// Left to itself it compares with the dense model of sqrt(held * used) weights: a rule of thumb for the dense model of
// about the same quality, no more; measured scaling laws (Clark et al. 2022, 2202.01169) put it lower for many experts.
import { PolluxError } from '../util/index.ts'
import { type WeightDtype, weightBytes } from './account.ts'

export interface Capacity {
  experts: number
  /** Weights of an expert, of what all tokens meet, of everything, and of what a token meets. */
  expert: number
  active: number
  shared: number
  held: number
  used: number
  /** FLOPs of a token: forward, and forward and backward, attention not counted. */
  forwardPerToken: number
  trainingPerToken: number
  memory: Record<WeightDtype, number>
  /** The dense model to compare with; `isRule`: by the rule of thumb. */
  dense: { parameters: number; isRule: boolean; memory: Record<WeightDtype, number>; forwardPerToken: number }
}

const units = { '': 1, k: 1e3, m: 1e6, b: 1e9, t: 1e12 } as const
const size = String.raw`(\d+(?:\.\d+)?)\s*([kmbt]?)`
const pattern = new RegExp(
  String.raw`^\s*(\d+)\s*experts?\s+of\s+${size}(?:\s+each)?\s*,?\s*(?:and\s+)?(\d+)\s+active` +
    String.raw`(?:\s*,?\s*(?:and\s+|\+\s*)?${size}\s+shared)?(?:\s*,?\s*(?:against|vs\.?)\s+(?:a\s+)?(?:dense\s+)?${size})?\s*$`,
  'i',
)

const example = '"32 experts of 50B, 2 active"'

/** Whether a text means to be such a description. */
export function isCapacitySpec(text: string): boolean {
  return /\d\s*experts?\b/i.test(text)
}

/** @throws PolluxError for a text that is no such description */
export function parseCapacity(text: string): Capacity {
  const found = pattern.exec(text)
  if (!found) {
    throw new PolluxError(`inspect: a model on paper must read like ${example}, got ${JSON.stringify(text)}`, {
      hint: 'sizes end in M, B or T; ", 10B shared" and ", against a dense 400B" may follow',
    })
  }
  const amount = (at: number): number => Number(found[at]) * units[found[at + 1].toLowerCase() as keyof typeof units]
  const [experts, expert, active] = [Number(found[1]), amount(2), Number(found[4])]
  const shared = found[5] === undefined ? 0 : amount(5)
  if (active < 1 || active > experts) {
    throw new PolluxError(`inspect: active experts must be from 1 to ${experts}, got ${active}`)
  }
  const held = experts * expert + shared
  const used = active * expert + shared
  const parameters = found[7] === undefined ? Math.sqrt(held * used) : amount(7)
  return {
    ...{ experts, expert, active, shared, held, used },
    forwardPerToken: 2 * used,
    trainingPerToken: 6 * used,
    memory: memoryOf(held),
    dense: {
      parameters,
      isRule: found[7] === undefined,
      memory: memoryOf(parameters),
      forwardPerToken: 2 * parameters,
    },
  }
}

function memoryOf(parameters: number): Record<WeightDtype, number> {
  const { bf16, int8, int4 } = weightBytes
  return { bf16: parameters * bf16, int8: parameters * int8, int4: parameters * int4 }
}
