// Model FLOPs of a token, the numerator of MFU: what the arithmetic needs, not what an implementation spends.
//
//   forward + backward = 6 * (weights of products that a token meets)       2 forward, 4 backward each
//                      + 12 * heads * head_dim * (keys a token sees)        per layer: q k^T and p v
//
// Experts count K of E; the tied head counts as a product and the embedding lookup as nothing; norms, softmax
// and recomputation count as nothing. Keys seen are averaged over the causal triangle: (T+1)/2 of T in a full
// layer, and a window W sees w(w+1)/2 keys in its first rows and W after that. Counted causally, attention is
// half of the 12*L*H*Q*T of PaLM's appendix B, which counts the whole square.
import type { ModelConfig } from './config.ts'
import { layerShapes, projectionRows } from './layers.ts'

/** Weights of products that one token meets. */
export function activeParameters(config: ModelConfig): number {
  const { hidden_size: dim, hidden_size_per_layer_input: width } = config
  const sparse = config.enable_moe_block
    ? dim * config.num_experts + 3 * dim * config.moe_intermediate_size * config.top_k_experts
    : 0
  // gate and projection in the layer, and its share of the projection for all layers
  const perLayer = 3 * dim * width
  let total = dim * config.vocab_size
  for (const layer of layerShapes(config)) {
    const attention = dim * (projectionRows(layer) + layer.heads * layer.headDim)
    total += attention + 3 * dim * layer.inner + sparse + perLayer
  }
  return total
}

/** Mean number of keys that a query sees in a document of `time` tokens under a window. */
export function meanKeys(time: number, window = time): number {
  const w = Math.min(window, time)
  return (w * (w + 1) * 0.5 + (time - w) * w) / time
}

/** FLOPs of a token, forward and backward, in sequences of `time` tokens. */
export function flopsPerToken(config: ModelConfig, time: number): number {
  let products = 0
  for (const { type, heads, headDim } of layerShapes(config)) {
    products +=
      heads * headDim * (type === 'sliding_attention' ? meanKeys(time, config.sliding_window) : meanKeys(time))
  }
  return 6 * activeParameters(config) + 12 * products
}
