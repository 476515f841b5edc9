// The shape of a media tokenizer, as its config.json states it, and the one way in that checks it.
import { fewestLevels } from '../../ops/index.ts'
import { isRecord, PolluxError } from '../../util/index.ts'

/** What a tokenizer writes as codes. */
export type MediaKind = 'image' | 'audio'

/** A validated shape; every field is present in config.json. */
export interface FsqConfig {
  kind: MediaKind
  /** Values of a patch or frame, P: 192 = 8x8 pixels of 3, or 256 = 4 hops of 64 mels. */
  inputDim: number
  /** Channels, which lie innermost in a patch and each have a mean and deviation: 3, or the number of mels. */
  channels: number
  /** Width of encoder and decoder. */
  hidden: number
  /** Residual blocks in each of them. */
  depth: number
  /** Levels of each coordinate of a token; their product is the number of codes. */
  levels: number[]
  /** Tokens a patch, n. */
  tokensPerPatch: number
}

/** What a config may leave out. */
export const fsqDefaults = { hidden: 128, depth: 2, levels: [4, 4, 4, 4], tokensPerPatch: 2 } as const

/** Largest sizes that are believed: a damaged file must cost an error, not the memory. */
const largest = { inputDim: 65536, channels: 4096, hidden: 8192, depth: 64, tokensPerPatch: 64 }
const largestLevel = 256
const mostLevels = 16
/** Codes become tokens of a vocabulary. */
const mostCodes = 65536

function refuse(field: string, requirement: string, got: unknown): never {
  const shown = got === undefined ? 'nothing' : JSON.stringify(got)
  throw new PolluxError(`media tokenizer: ${field} must be ${requirement}, got ${shown}`)
}

/** Number of codes: the product of the levels. */
export function codeCount(levels: readonly number[]): number {
  return levels.reduce((product, L) => product * L, 1)
}

/**
 * Checks a config and fills `fsqDefaults`.
 *
 * @param value an object, as from a config.json; entries unknown here are left out
 * @throws PolluxError naming field, requirement and value
 */
export function parseFsqConfig(value: unknown): FsqConfig {
  if (!isRecord(value)) refuse('config', 'an object', value)
  const { kind } = value
  if (kind !== 'image' && kind !== 'audio') refuse('kind', '"image" or "audio"', kind)
  const filled: Record<string, unknown> = { ...fsqDefaults, ...value }
  const size = (field: keyof typeof largest): number => {
    const got = filled[field]
    if (typeof got === 'number' && Number.isInteger(got) && got >= 1 && got <= largest[field]) return got
    return refuse(field, `a whole number from 1 to ${largest[field]}`, got)
  }
  const inputDim = size('inputDim')
  const channels = size('channels')
  if (inputDim % channels !== 0) refuse('channels', `a divisor of inputDim ${inputDim}`, channels)
  const levels = parseLevels(filled.levels)
  return {
    kind,
    inputDim,
    channels,
    hidden: size('hidden'),
    depth: size('depth'),
    levels,
    tokensPerPatch: size('tokensPerPatch'),
  }
}

function parseLevels(levels: unknown): number[] {
  const isLevel = (L: unknown): L is number =>
    typeof L === 'number' && Number.isInteger(L) && L >= fewestLevels && L <= largestLevel
  if (!Array.isArray(levels) || levels.length < 1 || levels.length > mostLevels || !levels.every(isLevel))
    return refuse('levels', `1 to ${mostLevels} whole numbers from ${fewestLevels} to ${largestLevel}`, levels)
  if (codeCount(levels) > mostCodes) refuse('levels', `of a product of at most ${mostCodes}`, levels)
  return [...levels]
}
