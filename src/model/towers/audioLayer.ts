// A layer of the audio tower: a conformer (Gulati et al. 2020, 2005.08100) with norms before and after each part.
//
//   x = x + 1/2 post(W2 silu(W1 pre(x)))                                                half a feed-forward
//   x = x + post_attn(Attention(pre_attn(x)))
//   x = x + W_end silu(norm(causal depthwise conv(glu(W_start pre(x)))))                LightConv
//   x = x + 1/2 post(W2 silu(W1 pre(x)));   out = norm_out(x)
//
// Values are held within gradient_clipping (1e10) at the same places as in the original.
// Shapes: T frames, D tower width.
import { matrixWeight, Norm, type Weight } from '../../nn/index.ts'
import { empty, memoryScope, type Tensor } from '../../tensor/index.ts'
import type { AudioTowerShape } from './audio.ts'
import { AudioAttention } from './audioAttention.ts'
import { ClippedLinear } from './clippedLinear.ts'
import { addScaled, clamped, gatedHalf, silu } from './elementwise.ts'

/** Norms of the layer do not follow rms_norm_eps, except those of the convolution. */
const ownEps = 1e-6

class FeedForward {
  readonly #shape: AudioTowerShape
  readonly #first: ClippedLinear
  readonly #second: ClippedLinear
  readonly #preNorm: Norm
  readonly #postNorm: Norm

  constructor(name: string, shape: AudioTowerShape) {
    const { hiddenSize: D, clipped } = shape
    this.#shape = shape
    this.#first = new ClippedLinear(`${name}.ffw_layer_1`, [4 * D, D], { clipped })
    this.#second = new ClippedLinear(`${name}.ffw_layer_2`, [D, 4 * D], { clipped })
    this.#preNorm = new Norm(`${name}.pre_layer_norm`, D, { eps: ownEps })
    this.#postNorm = new Norm(`${name}.post_layer_norm`, D, { eps: ownEps })
  }

  get weights(): Weight[] {
    return [...this.#first.weights, ...this.#second.weights, this.#preNorm.weight, this.#postNorm.weight]
  }

  forward(x_TD: Tensor): Tensor {
    const { limit, residualWeight } = this.#shape
    const inner = this.#first.forward(this.#preNorm.forward(clamped(x_TD, -limit, limit)))
    silu(inner.floats)
    const out_TD = this.#postNorm.forward(clamped(this.#second.forward(inner), -limit, limit))
    addScaled(out_TD.floats, x_TD.floats, residualWeight)
    return out_TD
  }
}

class LightConvolution {
  readonly #shape: AudioTowerShape
  readonly #start: ClippedLinear
  readonly #end: ClippedLinear
  readonly #kernel: Weight
  readonly #preNorm: Norm
  readonly #norm: Norm

  constructor(name: string, shape: AudioTowerShape) {
    const { hiddenSize: D, convKernel, clipped, eps } = shape
    this.#shape = shape
    this.#start = new ClippedLinear(`${name}.linear_start`, [2 * D, D], { clipped })
    this.#end = new ClippedLinear(`${name}.linear_end`, [D, D], { clipped })
    const kernel = matrixWeight(`${name}.depthwise_conv1d.weight`, [D, convKernel], 'matrix')
    this.#kernel = { ...kernel, storedShape: [D, 1, convKernel] }
    this.#preNorm = new Norm(`${name}.pre_layer_norm`, D, { eps })
    this.#norm = new Norm(`${name}.conv_norm`, D, { eps })
  }

  get weights(): Weight[] {
    return [...this.#start.weights, ...this.#end.weights, this.#kernel, this.#preNorm.weight, this.#norm.weight]
  }

  forward(x_TD: Tensor): Tensor {
    const { limit } = this.#shape
    const gated_TD = gatedHalf(this.#start.forward(this.#preNorm.forward(x_TD)))
    const normed_TD = this.#norm.forward(clamped(this.#convolve(gated_TD), -limit, limit))
    silu(normed_TD.floats)
    const out_TD = this.#end.forward(normed_TD)
    addScaled(out_TD.floats, x_TD.floats)
    return out_TD
  }

  /** Each column with its own taps over this frame and those before; zeros before the start. */
  #convolve(x_TD: Tensor): Tensor {
    const [T, D] = x_TD.shape
    const taps = this.#shape.convKernel
    const out_TD = empty([T, D])
    const [x, y, kernel] = [x_TD.floats, out_TD.floats, this.#kernel.parameter.data]
    y.fill(0)
    for (let t = 0; t < T; t++) {
      for (let tap = Math.max(0, taps - 1 - t); tap < taps; tap++) {
        const from = (t - (taps - 1) + tap) * D
        for (let d = 0; d < D; d++) y[t * D + d] += kernel[d * taps + tap] * x[from + d]
      }
    }
    return out_TD
  }
}

export class AudioLayer {
  readonly #shape: AudioTowerShape
  readonly #first: FeedForward
  readonly #second: FeedForward
  readonly #attention: AudioAttention
  readonly #convolution: LightConvolution
  readonly #preAttentionNorm: Norm
  readonly #postAttentionNorm: Norm
  readonly #outNorm: Norm

  constructor(name: string, shape: AudioTowerShape) {
    const norm = (part: string): Norm => new Norm(`${name}.${part}`, shape.hiddenSize, { eps: ownEps })
    this.#shape = shape
    this.#first = new FeedForward(`${name}.feed_forward1`, shape)
    this.#second = new FeedForward(`${name}.feed_forward2`, shape)
    this.#attention = new AudioAttention(`${name}.self_attn`, shape)
    this.#convolution = new LightConvolution(`${name}.lconv1d`, shape)
    this.#preAttentionNorm = norm('norm_pre_attn')
    this.#postAttentionNorm = norm('norm_post_attn')
    this.#outNorm = norm('norm_out')
  }

  get weights(): Weight[] {
    const parts = [this.#first, this.#attention, this.#convolution, this.#second]
    const norms = [this.#preAttentionNorm, this.#postAttentionNorm, this.#outNorm]
    return [...parts.flatMap(({ weights }) => weights), ...norms.map(({ weight }) => weight)]
  }

  /** f32 [T, D] -> f32 [T, D]; `keys` as in AudioAttention. */
  forward(x_TD: Tensor, keys?: number): Tensor {
    using scope = memoryScope()
    const { limit } = this.#shape
    const x1_TD = this.#first.forward(x_TD)
    const attended_TD = this.#attention.forward(this.#preAttentionNorm.forward(clamped(x1_TD, -limit, limit)), keys)
    const x2_TD = this.#postAttentionNorm.forward(clamped(attended_TD, -limit, limit), { residual: x1_TD })
    const x3_TD = this.#second.forward(this.#convolution.forward(x2_TD))
    return scope.keep(this.#outNorm.forward(clamped(x3_TD, -limit, limit)))
  }
}
