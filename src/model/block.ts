// One decoder layer of Gemma 4, norms on the way into and out of both halves.
//
//   x1  = x + post_attention(Attention(input(x)))
//   d   = post_ff_1(Mlp(pre_ff(x1)))                          the dense branch
//   e   = post_ff_2(Experts(pre_ff_2(x1), Router(x1)))        the sparse branch; the router sees x1 itself
//   out = (x1 + post_ff(d + e)) * layer_scalar
//
// Without experts: out = x1 + post_ff(Mlp(pre_ff(x1))), times layer_scalar. A routing variant is another
// Router. Sums ride on the norms (`residual`), so no pass over the stream is spent on them.
// Shapes: R rows (batch*time), D width.
import {
  Attention,
  type AttentionContext,
  Experts,
  Mlp,
  Norm,
  type Router,
  type Routing,
  TopKRouter,
} from '../nn/index.ts'
import type { Weight } from '../nn/index.ts'
import { scale } from '../ops/index.ts'
import type { Dtype, Tensor } from '../tensor/index.ts'
import type { LayerType, ModelConfig } from './config.ts'

/** What varies from batch to batch. */
export interface BlockContext extends AttentionContext {
  /** Dtype of the residual stream and of what the products read. */
  residual: Dtype
  activation: Dtype
  /** Share of the step's tokens that this batch holds; the router's losses are weighted with it. */
  lossWeight: number
}

/** The sparse branch of a layer. */
interface SparseBranch {
  router: Router
  experts: Experts
  preNorm: Norm
  postNorm: Norm
  /** After the dense branch, which has a norm of its own only beside experts. */
  densePostNorm: Norm
}

export class Block {
  readonly layerType: LayerType
  readonly inputNorm: Norm
  readonly attention: Attention
  readonly postAttentionNorm: Norm
  readonly preFeedforwardNorm: Norm
  readonly mlp: Mlp
  readonly sparse: SparseBranch | null
  readonly postFeedforwardNorm: Norm
  /** Factor on the whole stream; a constant of the checkpoint, 1 unless one says otherwise. */
  layerScalar = 1

  constructor(name: string, config: ModelConfig, layer: number) {
    const { hidden_size: dim, rms_norm_eps: eps } = config
    const norm = (suffix: string, post = false): Norm => new Norm(`${name}.${suffix}`, dim, { eps, post })
    this.layerType = config.layer_types[layer]
    this.inputNorm = norm('input_layernorm')
    this.attention = new Attention(`${name}.self_attn`, {
      hiddenSize: dim,
      heads: config.num_attention_heads,
      kvHeads: config.num_key_value_heads,
      headDim: config.head_dim,
      eps,
    })
    this.postAttentionNorm = norm('post_attention_layernorm', true)
    this.preFeedforwardNorm = norm('pre_feedforward_layernorm')
    this.mlp = new Mlp(`${name}.mlp`, dim, config.intermediate_size)
    this.sparse = config.enable_moe_block
      ? {
          router: newRouter(`${name}.router`, config),
          experts: new Experts(`${name}.experts`, {
            hiddenSize: dim,
            experts: config.num_experts,
            inner: config.moe_intermediate_size,
          }),
          preNorm: norm('pre_feedforward_layernorm_2'),
          postNorm: norm('post_feedforward_layernorm_2'),
          densePostNorm: norm('post_feedforward_layernorm_1'),
        }
      : null
    this.postFeedforwardNorm = norm('post_feedforward_layernorm', true)
  }

  get weights(): Weight[] {
    const weights = [
      this.inputNorm.weight,
      ...this.attention.weights,
      this.postAttentionNorm.weight,
      this.preFeedforwardNorm.weight,
      ...this.mlp.weights,
    ]
    if (this.sparse) {
      const { router, experts, preNorm, postNorm, densePostNorm } = this.sparse
      weights.push(densePostNorm.weight, ...router.weights, preNorm.weight, ...experts.weights, postNorm.weight)
    }
    weights.push(this.postFeedforwardNorm.weight)
    return weights
  }

  /** x [R, D] in the residual dtype -> the same, and what the router did (null without experts). */
  forward(x_RD: Tensor, context: BlockContext): { output: Tensor; routing: Routing | null } {
    const { residual, activation } = context
    const attended_RD = this.attention.forward(this.inputNorm.forward(x_RD, { outDtype: activation }), context)
    const x1_RD = this.postAttentionNorm.forward(attended_RD, { residual: x_RD, outDtype: residual })
    const { mixed, routing } = this.feedForward(x1_RD, context)
    const x2_RD = this.postFeedforwardNorm.forward(mixed, { residual: x1_RD, outDtype: residual })
    return { output: this.layerScalar === 1 ? x2_RD : scale(x2_RD, this.layerScalar), routing }
  }

  /** The dense and the sparse branch, summed, before the last norm. */
  private feedForward(x1_RD: Tensor, context: BlockContext): { mixed: Tensor; routing: Routing | null } {
    const outDtype = context.activation
    const dense_RD = this.mlp.forward(this.preFeedforwardNorm.forward(x1_RD, { outDtype }))
    if (!this.sparse) return { mixed: dense_RD, routing: null }
    const { router, experts, preNorm, postNorm, densePostNorm } = this.sparse
    const routing = router.forward(x1_RD, context.lossWeight)
    const sparse_RD = experts.forward(preNorm.forward(x1_RD, { outDtype }), routing)
    const d_RD = densePostNorm.forward(dense_RD)
    return { mixed: postNorm.forward(sparse_RD, { residual: d_RD }), routing }
  }
}

/** The one place that chooses a router. */
function newRouter(name: string, config: ModelConfig): Router {
  return new TopKRouter(name, {
    hiddenSize: config.hidden_size,
    experts: config.num_experts,
    topK: config.top_k_experts,
    eps: config.rms_norm_eps,
    balanceCoefficient: config.router_aux_loss_coef,
    zCoefficient: config.router_z_loss_coef,
  })
}
