// Rotary embedding in a config: one set of parameters a layer type, in the forms that files write them in.
//
// transformers 5 writes `rope_parameters` with an entry a layer type; Gemma 3's files also come with rope_theta,
// rope_local_base_freq and rope_scaling (for full layers) at the top.
import { isRecord } from '../util/index.ts'
import { ConfigError, type Given, number, record } from './configFields.ts'
import type { FamilyDefaults, ModelType } from './family.ts'

/** Rotary embedding of one layer type. */
export interface RopeParameters {
  /**
   * 'default' rotates every pair; 'proportional' only the first partial_rotary_factor of them (p-RoPE);
   * 'linear' is the default with positions divided by `factor`.
   */
  rope_type: 'default' | 'proportional' | 'linear'
  rope_theta: number
  /** Share of pairs that rotate. Default 1. */
  partial_rotary_factor?: number
  /** Positions are divided by it ('linear' and 'proportional'). Default 1. */
  factor?: number
}

const slidingTheta = 10_000

/** The rotary parameters of both layer types. */
export function ropeParameters(
  given: Given,
  modelType: ModelType,
  { full_attention }: FamilyDefaults,
): { sliding_attention: RopeParameters; full_attention: RopeParameters } {
  const written = record(given, 'rope_parameters')
  let full = isRecord(written.full_attention) ? written.full_attention : {}
  let sliding = isRecord(written.sliding_attention) ? written.sliding_attention : {}
  if (modelType === 'gemma3_text') {
    const scaling = record(given, 'rope_scaling')
    full = { rope_theta: given.rope_theta ?? undefined, rope_type: scaling.type, ...full, ...scaling }
    sliding = { rope_theta: given.rope_local_base_freq ?? undefined, ...sliding }
  }
  for (const type of ['sliding_attention', 'full_attention'] as const) {
    const value = written[type]
    if (value !== undefined && value !== null && !isRecord(value)) {
      throw new ConfigError(`rope_parameters.${type}`, 'an object', value)
    }
  }
  const fullType = full.rope_type ?? full_attention.rope_type
  return {
    sliding_attention: oneRope(sliding, 'rope_parameters.sliding_attention', {
      rope_type: 'default',
      rope_theta: slidingTheta,
    }),
    full_attention: oneRope(full, 'rope_parameters.full_attention', {
      ...full_attention,
      // the share that rotates is a default of the proportional form only
      partial_rotary_factor: fullType === 'proportional' && Object.keys(full).length === 0 ? 0.25 : 1,
    }),
  }
}

function oneRope(given: Given, field: string, fallback: RopeParameters): RopeParameters {
  const type = given.rope_type ?? fallback.rope_type
  if (type !== 'default' && type !== 'proportional' && type !== 'linear') {
    throw new ConfigError(`${field}.rope_type`, '"default", "proportional" or "linear"', type)
  }
  const theta = number({ [`${field}.rope_theta`]: given.rope_theta }, `${field}.rope_theta`, fallback.rope_theta)
  const share = number(given, 'partial_rotary_factor', fallback.partial_rotary_factor ?? 1)
  const factor = number(given, 'factor', 1)
  if (theta <= 0) throw new ConfigError(`${field}.rope_theta`, 'above 0', theta)
  if (share < 0 || share > 1) throw new ConfigError(`${field}.partial_rotary_factor`, 'from 0 to 1', share)
  if (type !== 'proportional' && share !== 1) {
    throw new ConfigError(`${field}.partial_rotary_factor`, `1 where rope_type is "${type}"`, share)
  }
  if (factor <= 0 || (type === 'default' && factor !== 1)) {
    throw new ConfigError(`${field}.factor`, type === 'default' ? '1 where rope_type is "default"' : 'above 0', factor)
  }
  const parameters: RopeParameters = { rope_type: type, rope_theta: theta, partial_rotary_factor: share }
  return type === 'linear' || factor !== 1 ? { ...parameters, factor } : parameters
}
