// What passes between an engine's thread and the one that asks it. Plain data; errors by name, since classes do not cross.
import type { ModelConfig, MultimodalConfig, WeightKind } from '../../model/index.ts'
import { PolluxError } from '../../util/index.ts'
import type { EngineEvent, EngineRequest, ExpertShape } from '../engineTypes.ts'
import { EngineClosedError, EngineFailedError, EngineFullError } from './errors.ts'
import type { EngineOptions } from './options.ts'

/** Where a thread gets its model from, and how it keeps it. */
export type EngineSource =
  /** A checkpoint folder of any known kind. */
  (
    | { folder: string }
    /** New weights, drawn from a seed: for tests and measurements. */
    | { config: ModelConfig | MultimodalConfig; seed: number }
  ) & {
    /**
     * Bits of what products read: 'bf16' 16, 'int8' 8.5, 'int4' 4.5, with no f32 beside them (`quantise` in src/model).
     * Default: f32 as loaded, and beside it what products of `compute` read.
     */
    weights?: WeightKind
  }

export interface ThreadStart {
  source: EngineSource
  options: EngineOptions
}

/** Methods that answer once. */
export type CallName = 'embed' | 'pin' | 'unpin' | 'stats'

export type ToThread =
  | { type: 'generate'; id: number; request: EngineRequest; credit: number }
  /** The reader has room for so many events more. */
  | { type: 'credit'; id: number; count: number }
  | { type: 'cancel'; id: number }
  | { type: 'call'; id: number; method: CallName; args: unknown[] }
  | { type: 'close' }

export type FromThread =
  | { type: 'ready'; contextTokens: number; vocabSize: number; experts: ExpertShape | null }
  | { type: 'event'; id: number; event: EngineEvent }
  | { type: 'end'; id: number; error?: WireError }
  | { type: 'result'; id: number; value?: unknown; error?: WireError }
  /** The model could not be loaded; the thread ends. */
  | { type: 'failed'; error: WireError }

export interface WireError {
  name: string
  message: string
  hint?: string
}

export function toWire(error: unknown): WireError {
  if (error instanceof PolluxError) return { name: error.name, message: error.message, hint: error.hint }
  return { name: 'Error', message: error instanceof Error ? error.message : String(error) }
}

/** The error again, of its class where callers tell it by that. */
export function fromWire({ name, message, hint }: WireError): Error {
  if (name === 'EngineClosedError') return new EngineClosedError()
  if (name === 'Error') return new EngineFailedError(`must not fail, got "${message}"`)
  const error =
    name === 'EngineFullError' ? withMessage(new EngineFullError(0), message) : new PolluxError(message, { hint })
  error.name = name
  return error
}

function withMessage<E extends Error>(error: E, message: string): E {
  error.message = message
  return error
}
