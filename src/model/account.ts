// What a model holds, uses, costs and caches, from its config alone: no weight is made.
//
//   parameters   held by part, and used for one token: K of E experts, and of a per-layer table one row
//   compute      training: flops.ts.  writing a token at context N: 2 * (weights of products)
//                + 4 * heads * head_dim * (keys it sees) a layer
//   cache        keys and values, 2 * G * C numbers a token and layer that has its own, half of them where values are
//                keys (src/inference/cache.ts keeps one for both); a sliding layer keeps its window
//
// With all numbers multiplied out, this is the table that a choice of hardware is made from.
import type { CacheDtype } from '../native/index.ts'
import { vectorBytes } from '../ops/index.ts'
import type { ModelConfig } from './config.ts'
import { families } from './family.ts'
import { activeParameters, flopsPerToken } from './flops.ts'
import { type LayerShape, layerShapes, projectionRows } from './layers.ts'

/** Parts of a model, in the order in which they are shown. */
export const parts = [
  'embedding',
  'per-layer table',
  'per-layer gates',
  'attention',
  'dense MLPs',
  'experts',
  'routers',
  'norms and factors',
] as const
export type Part = (typeof parts)[number]

export interface PartSize {
  total: number
  /** Used for one token. */
  active: number
}

/** Keys and values of one kind of layers. */
export interface CacheShare {
  /** Layers that keep keys and values, and those that use another layer's. */
  layers: number
  sharing: number
  /** Bytes that a token adds, all layers of the kind together. */
  bytesPerToken: number
  /** Tokens kept at the context asked about. */
  tokens: number
  bytes: number
}

export interface ModelAccount {
  parameters: { total: number; active: number; parts: Record<Part, PartSize> }
  flops: {
    /** Forward and backward, mean over a sequence of `context` tokens. */
    trainingPerToken: number
    /** Forward only, at the end of the context. */
    writingPerToken: number
  }
  cache: { full: CacheShare; sliding: CacheShare; bytes: number }
  context: number
  /** Bytes of all weights in a dtype, and with the cache at this context. */
  memory: Record<WeightDtype, { weights: number; withCache: number }>
}

/** Bytes a weight takes. int8 and int4 without their scales, which add a few percent. */
export const weightBytes = { bf16: 2, int8: 1, int4: 0.5 } as const
export type WeightDtype = keyof typeof weightBytes

/**
 * @param context tokens that the cache holds. Default max_position_embeddings
 * @param kvDtype how it keeps them. Default 'bf16'
 */
export function accountFor(
  config: ModelConfig,
  context = config.max_position_embeddings,
  kvDtype: CacheDtype = 'bf16',
): ModelAccount {
  const sizes = partSizes(config)
  const sum = (field: keyof PartSize): number => parts.reduce((total, part) => total + sizes[part][field], 0)
  const total = sum('total')
  const layers = layerShapes(config)
  const { full, sliding } = cacheShares(config, context, kvDtype)
  const bytes = full.bytes + sliding.bytes
  const memory = (dtype: WeightDtype) => {
    const weights = total * weightBytes[dtype]
    return { weights, withCache: weights + bytes }
  }
  return {
    parameters: { total, active: sum('active'), parts: sizes },
    flops: {
      trainingPerToken: flopsPerToken(config, context),
      writingPerToken: writingFlops(config, layers, context),
    },
    cache: { full, sliding, bytes },
    context,
    memory: { bf16: memory('bf16'), int8: memory('int8'), int4: memory('int4') },
  }
}

function partSizes(config: ModelConfig): Record<Part, PartSize> {
  const { hidden_size: D, hidden_size_per_layer_input: P, num_experts: E, vocab_size } = config
  const layers = layerShapes(config)
  const { layerScalar } = families[config.model_type]
  const all = (total: number): PartSize => ({ total, active: total })
  const inLayers = (size: (layer: LayerShape) => number): PartSize =>
    all(layers.reduce((total, layer) => total + size(layer), 0))
  const L = layers.length
  const expert = 3 * D * config.moe_intermediate_size
  const hasInputs = P > 0 ? 1 : 0
  const hasExperts = config.enable_moe_block ? 1 : 0
  const headNorms = ({ headDim, values }: LayerShape): number => headDim * (values === 'shared' ? 1 : 2)
  // three more around the experts where there is a dense branch beside them
  const layerNorms = ({ inner }: LayerShape): number => D * (4 + (inner > 0 ? 3 * hasExperts : 0) + hasInputs)
  // factors of routers: a vector over the width and one over the experts
  const factors = (layerScalar ? 1 : 0) + hasExperts * (D + (config.routing.expert_scale ? E : 0))
  return {
    embedding: all(vocab_size * D),
    'per-layer table': { total: config.vocab_size_per_layer_input * L * P, active: L * P },
    'per-layer gates': all(3 * L * D * P),
    attention: inLayers((layer) => D * (projectionRows(layer) + layer.heads * layer.headDim)),
    'dense MLPs': inLayers(({ inner }) => 3 * D * inner),
    experts: { total: L * E * expert, active: L * config.top_k_experts * expert },
    routers: all(L * D * E),
    'norms and factors': all(
      inLayers((layer) => headNorms(layer) + layerNorms(layer) + factors).total + D + hasInputs * P,
    ),
  }
}

/** Bytes of the keys and values of one sequence of `tokens` tokens. */
export function keyValueBytes(config: ModelConfig, tokens: number, dtype: CacheDtype = 'bf16'): number {
  const { full, sliding } = cacheShares(config, tokens, dtype)
  return full.bytes + sliding.bytes
}

function cacheShares(config: ModelConfig, tokens: number, dtype: CacheDtype) {
  const layers = layerShapes(config)
  return {
    full: cacheShare(layers, 'full_attention', tokens, dtype),
    sliding: cacheShare(layers, 'sliding_attention', Math.min(tokens, config.sliding_window), dtype),
  }
}

function cacheShare(layers: LayerShape[], type: LayerShape['type'], tokens: number, dtype: CacheDtype): CacheShare {
  const ofKind = layers.filter((layer) => layer.type === type)
  const own = ofKind.filter(({ donor }) => donor === null)
  const bytesPerToken = own.reduce(
    (total, { kvHeads, headDim, values }) =>
      total + (values === 'keys' ? 1 : 2) * kvHeads * vectorBytes(dtype, headDim),
    0,
  )
  return {
    layers: own.length,
    sharing: ofKind.length - own.length,
    bytesPerToken,
    tokens,
    bytes: bytesPerToken * tokens,
  }
}

function writingFlops(config: ModelConfig, layers: LayerShape[], context: number): number {
  const attention = layers.reduce((total, { type, heads, headDim }) => {
    const keys = type === 'sliding_attention' ? Math.min(context, config.sliding_window) : context
    return total + 4 * heads * headDim * keys
  }, 0)
  return 2 * activeParameters(config) + attention
}
