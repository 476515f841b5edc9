// A config for a longer context: more positions, and full layers that read them with angles they know.
//
// Sliding layers see distances within their window only, so nothing of theirs changes. Full layers meet distances they
// were never trained on. A rotary pair that has gone round within the trained length has shown every angle; one that turns
// slower would come to angles it has not: then positions are divided by a factor, so that the longest distance has the
// angle of the trained one (linear interpolation, Chen et al. 2023; Gemma 3 takes 8 from 32K to 128K). YaRN (Peng
// et al. 2023) leaves the fast pairs alone by the same reasoning, pair by pair. The partial form of Gemma 4 turns only its
// fastest pairs, a quarter of them: with heads of 64 the slowest goes round in 129 tokens, and nothing needs rescaling.
import { ConfigError, type ModelConfig, parseConfig, type RopeParameters } from './config.ts'

export interface LengthenOptions {
  /** Positions that the model shall read. */
  context: number
  /** Divides the positions of full layers. Default: `ropeFactorFor`. */
  factor?: number
  /** Base of the angles of full layers. Default: as it is. */
  theta?: number
}

/** Tokens in which the slowest pair of full layers goes round once; 0 where none turns. */
export function longestTurn({ rope_parameters, global_head_dim: dim }: ModelConfig): number {
  const { rope_theta: theta, partial_rotary_factor: share = 1, factor = 1 } = rope_parameters.full_attention
  const turning = Math.floor((share * dim) / 2)
  return turning === 0 ? 0 : 2 * Math.PI * factor * theta ** ((2 * (turning - 1)) / dim)
}

/** The factor that full layers need for `context` positions: 1 where every pair has gone round within the trained ones. */
export function ropeFactorFor(config: ModelConfig, context: number): number {
  const trained = config.max_position_embeddings
  return longestTurn(config) <= trained ? 1 : Math.max(1, context / trained)
}

/**
 * The config of the same weights for `context` positions.
 *
 * @throws ConfigError for a context below the trained one, or a factor or base that cannot be
 */
export function lengthenedConfig(config: ModelConfig, { context, factor, theta }: LengthenOptions): ModelConfig {
  if (context < config.max_position_embeddings) {
    throw new ConfigError('max_position_embeddings', `at least ${config.max_position_embeddings}, as it is`, context)
  }
  const full = config.rope_parameters.full_attention
  const scale = (full.factor ?? 1) * (factor ?? ropeFactorFor(config, context))
  const type: RopeParameters['rope_type'] = full.rope_type === 'default' && scale !== 1 ? 'linear' : full.rope_type
  return parseConfig({
    ...config,
    max_position_embeddings: context,
    rope_parameters: {
      ...config.rope_parameters,
      full_attention: { ...full, rope_type: type, rope_theta: theta ?? full.rope_theta, factor: scale },
    },
  })
}
