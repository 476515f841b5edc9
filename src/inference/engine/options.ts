// How an engine is set up: numbers with defaults, checked once.
import type { CacheDtype } from '../../native/index.ts'
import { PolluxError } from '../../util/index.ts'
import type { VocabularySource } from '../grammar/vocabulary.ts'

export interface EngineOptions {
  /** Arithmetic. Default 'bf16'. */
  compute?: 'bf16' | 'f32'
  /** How keys and values are kept. Default that of `compute`. */
  kvDtype?: CacheDtype
  /** Bytes of keys and values of all requests and of what is kept for later ones. Default 1 GiB. */
  cacheBytes?: number
  /** Requests served at a time. Default 32. */
  maxRunning?: number
  /** Requests that may wait beside them. Default 256. */
  maxWaiting?: number
  /** Rows of prompts that one step reads. Default 512. */
  chunk?: number
  /** Prompts of more than two chunks that are read at a time, so that short ones get their turn. Default 2. */
  maxLongReads?: number
  /** Tokens between two points of a long prompt from which another can go on. Default 4096. */
  checkpointEvery?: number
  /** Events that may wait for a reader before its sequence pauses. Default 256. */
  buffer?: number
  /** Most tokens guessed ahead of a sequence (0: none). Default 8. */
  speculate?: number
  /**
   * Bytes of every token, and what may end a text: grammars of text need them. A request with such a grammar must stop at
   * each of these stop ids. Default: only grammars of ids are known.
   */
  vocabulary?: VocabularySource
}

export type EngineSettings = Required<Omit<EngineOptions, 'vocabulary'>> & Pick<EngineOptions, 'vocabulary'>

/** @throws PolluxError naming the option that is none */
export function engineSettings(options: EngineOptions): EngineSettings {
  const compute = options.compute ?? 'bf16'
  const settings: EngineSettings = {
    ...{
      compute,
      kvDtype: options.kvDtype ?? compute,
      cacheBytes: 2 ** 30,
      maxRunning: 32,
      maxWaiting: 256,
      chunk: 512,
    },
    ...{ maxLongReads: 2, checkpointEvery: 4096, buffer: 256, speculate: 8 },
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  }
  const least = {
    cacheBytes: 1,
    maxRunning: 1,
    maxWaiting: 0,
    chunk: 1,
    maxLongReads: 1,
    checkpointEvery: 1,
    buffer: 1,
    speculate: 0,
  }
  for (const [name, from] of Object.entries(least)) {
    const value = settings[name as keyof typeof least]
    if (!Number.isSafeInteger(value) || value < from) {
      throw new PolluxError(`engine: ${name} must be a whole number of at least ${from}, got ${value}`)
    }
  }
  return settings
}
