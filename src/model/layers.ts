// The shape of each layer, as a config implies it: the one place that knows which layers differ in what.
import type { RopeTurn } from '../nn/index.ts'
import type { LayerType, ModelConfig } from './config.ts'

export interface LayerShape {
  type: LayerType
  heads: number
  kvHeads: number
  headDim: number
  /** Where values come from: a projection, the raw keys, or (with the keys) another layer. */
  values: 'own' | 'keys' | 'shared'
  /** The layer whose keys and values it uses, where they are shared. */
  donor: number | null
  /** Width of the dense MLP. */
  inner: number
}

/** Every layer's shape. */
export function layerShapes(config: ModelConfig): LayerShape[] {
  const { layer_types: types, num_kv_shared_layers: shared } = config
  const firstShared = types.length - shared
  return types.map((type, layer) => {
    const isFull = type === 'full_attention'
    const donor = layer >= firstShared ? types.lastIndexOf(type, firstShared - 1) : null
    return {
      type,
      heads: config.num_attention_heads,
      kvHeads: isFull ? config.num_global_key_value_heads : config.num_key_value_heads,
      headDim: isFull ? config.global_head_dim : config.head_dim,
      values: donor !== null ? 'shared' : isFull && config.attention_k_eq_v ? 'keys' : 'own',
      donor,
      inner: config.intermediate_size * (donor !== null && config.use_double_wide_mlp ? 2 : 1),
    }
  })
}

/** Rows of its attention's fused input projection: queries, keys, values. */
export function projectionRows({ heads, kvHeads, headDim, values }: LayerShape): number {
  return headDim * (heads + { own: 2, keys: 1, shared: 0 }[values] * kvHeads)
}

/** How heads of a layer type turn with their position. */
export function ropeTurn(config: ModelConfig, type: LayerType): RopeTurn {
  const { rope_theta: theta, partial_rotary_factor: share, factor } = config.rope_parameters[type]
  return { headDim: type === 'full_attention' ? config.global_head_dim : config.head_dim, theta, share, factor }
}
