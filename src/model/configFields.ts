// Readers of single config fields: each checks kind and size, and names field, requirement and value when it refuses.
import { isRecord, PolluxError } from '../util/index.ts'

/** A config object as it came out of JSON. */
export type Given = Record<string, unknown>

/** A config that cannot be used; `field` names the entry at fault. */
export class ConfigError extends PolluxError {
  readonly field: string

  constructor(field: string, requirement: string, got: unknown) {
    super(`config: ${field} must be ${requirement}, got ${got === undefined ? 'nothing' : JSON.stringify(got)}`)
    this.name = 'ConfigError'
    this.field = field
  }
}

/** Largest sizes that are believed, far above any model for CPUs: a damaged file must cost an error, not the memory. */
const largest = {
  vocab_size: 2 ** 22,
  hidden_size: 2 ** 20,
  num_hidden_layers: 1024,
  sliding_window: 2 ** 22,
  num_attention_heads: 1024,
  num_key_value_heads: 1024,
  num_global_key_value_heads: 1024,
  head_dim: 512,
  global_head_dim: 512,
  intermediate_size: 2 ** 20,
  num_kv_shared_layers: 1024,
  hidden_size_per_layer_input: 2 ** 16,
  vocab_size_per_layer_input: 2 ** 22,
  num_experts: 4096,
  top_k_experts: 4096,
  moe_intermediate_size: 2 ** 20,
  max_position_embeddings: 2 ** 22,
}

/** A size of at least `least` (1); null counts as left out. */
export function size(given: Given, field: keyof typeof largest, fallback?: number, least = 1): number {
  const value = given[field] ?? fallback
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least) {
    throw new ConfigError(field, `a whole number of at least ${least}`, value)
  }
  if (value > largest[field]) throw new ConfigError(field, `at most ${largest[field]}`, value)
  return value
}

/** A finite number; null stands for "none" in transformers (no soft cap, no loss) and is read as 0. */
export function number(given: Given, field: string, fallback?: number): number {
  const value = given[field] === null ? 0 : (given[field] ?? fallback)
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new ConfigError(field, 'a number', value)
  return value
}

export function boolean(given: Given, field: string, fallback: boolean): boolean {
  const value = given[field] ?? fallback
  if (typeof value !== 'boolean') throw new ConfigError(field, 'true or false', value)
  return value
}

/** An object, or an empty one where there is none. */
export function record(given: Given, field: string): Given {
  const value = given[field] ?? {}
  if (!isRecord(value)) throw new ConfigError(field, 'an object', value)
  return value
}

/** A token id or null. */
export function tokenId(given: Given, field: string): number | null {
  const value = given[field] ?? null
  return value === null ? null : checkedId(field, value)
}

/** A token id, a list of them, or null. */
export function tokenIds(given: Given, field: string): number | number[] | null {
  const value = given[field] ?? null
  if (Array.isArray(value)) return value.map((each) => checkedId(field, each))
  return value === null ? null : checkedId(field, value)
}

function checkedId(field: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ConfigError(field, 'a token id (a whole number of at least 0)', value)
  }
  return value
}
