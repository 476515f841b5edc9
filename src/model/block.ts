// One decoder layer of Gemma, norms on the way into and out of both halves.
//
//   x1  = x + post_attention(Attention(input(x)))
//   d   = post_ff_1(Mlp(pre_ff(x1)))                          the dense branch
//   e   = post_ff_2(Experts(pre_ff_2(x1), Router(x1)))        the sparse branch; the router sees x1 itself
//   x2  = x1 + post_ff(d + e)                                 without experts: x1 + post_ff(Mlp(pre_ff(x1)))
//                                                             without a dense branch, experts in the place of its MLP:
//                                                             x1 + post_ff(Experts(pre_ff(x1), Router(x1)))
// With `routing.norm_first` the norm after the experts is of each expert's output, and weights come after it.
//   out = (x2 + PerLayerGate(x2)) * layer_scalar              the gate where the model has per-layer inputs
//
// A routing variant is another Router. Sums ride on the norms (`residual`), so no pass over the stream is spent on them.
// Shapes: R rows (batch*time), D width.
import {
  Attention,
  type AttentionContext,
  Experts,
  type KeyValues,
  type LayerMemory,
  Mlp,
  Norm,
  PerLayerGate,
  type Router,
  type RouterTraining,
  type Routing,
  TopKRouter,
} from '../nn/index.ts'
import type { Weight } from '../nn/index.ts'
import { add, scale, takeRows } from '../ops/index.ts'
import { type Dtype, fromArray, type Tensor } from '../tensor/index.ts'
import type { LayerType, ModelConfig } from './config.ts'
import { families } from './family.ts'
import { layerShapes } from './layers.ts'

/** What varies from batch to batch. */
export interface BlockContext extends AttentionContext {
  /** Dtype of the residual stream and of what the products read. */
  residual: Dtype
  activation: 'f32' | 'bf16'
  /** Share of the step's tokens that this batch holds; the router's losses are weighted with it. */
  lossWeight: number
  /** [R]: 1 where a row is padding, which routers do not count. Default: none is. */
  padding?: Uint8Array
  /** In a step of training: what routers may draw and drop. */
  training?: RouterTraining
}

/** What a layer may get beside the stream. */
export interface BlockInputs {
  /** Keys and values of the donor, where the layer has none of its own. */
  shared?: KeyValues
  /** Keys and values of earlier passes: the layer's own, or its donor's. */
  memory?: LayerMemory
  /** Per-layer inputs of all layers, [R, L*P]. */
  perLayer?: Tensor
  /** With a memory made for them: the rows to go on with from here. Default all. */
  rows?: Int32Array
}

export interface BlockResult {
  /** [R, D] in the residual dtype. */
  output: Tensor
  /** What the router did; null without experts. */
  routing: Routing | null
  /** What was attended to, for layers that share it; null where a memory has it. */
  keyValues: KeyValues | null
}

/** The sparse branch of a layer. */
interface SparseBranch {
  router: Router
  experts: Experts
  /** Norms that there are beside a dense branch only: its own after it, and those around the experts. */
  beside: { densePostNorm: Norm; preNorm: Norm; postNorm: Norm } | null
  /** Outputs are normalised one by one, before their weights. */
  normFirst: boolean
}

export class Block {
  readonly layerType: LayerType
  /** The layer whose keys and values this one uses; null: its own. */
  readonly donor: number | null
  readonly inputNorm: Norm
  readonly attention: Attention
  readonly postAttentionNorm: Norm
  readonly preFeedforwardNorm: Norm
  /** Null where experts stand in its place. */
  readonly mlp: Mlp | null
  readonly sparse: SparseBranch | null
  readonly postFeedforwardNorm: Norm
  readonly perLayer: PerLayerGate | null
  /** Factor on the whole stream; a constant of the checkpoint, 1 unless one says otherwise. */
  layerScalar = 1

  constructor(name: string, config: ModelConfig, layer: number) {
    const { hidden_size: dim, rms_norm_eps: eps } = config
    const { onePlusNorms, valueNorm } = families[config.model_type]
    const storedLess = onePlusNorms ? 1 : 0
    const norm = (suffix: string, post = false): Norm => new Norm(`${name}.${suffix}`, dim, { eps, post, storedLess })
    const { type, heads, kvHeads, headDim, values, donor, inner } = layerShapes(config)[layer]
    this.layerType = type
    this.donor = donor
    this.inputNorm = norm('input_layernorm')
    this.attention = new Attention(`${name}.self_attn`, {
      ...{ hiddenSize: dim, heads, kvHeads, headDim, eps, values, storedLess },
      vNorm: valueNorm,
      scale: (config.query_pre_attn_scalar ?? 1) ** -0.5,
    })
    this.postAttentionNorm = norm('post_attention_layernorm', true)
    this.preFeedforwardNorm = norm('pre_feedforward_layernorm')
    this.mlp = inner > 0 ? new Mlp(`${name}.mlp`, dim, inner) : null
    this.sparse = config.enable_moe_block
      ? {
          router: newRouter(`${name}.router`, config),
          experts: new Experts(`${name}.experts`, {
            hiddenSize: dim,
            experts: config.num_experts,
            inner: config.moe_intermediate_size,
          }),
          beside: this.mlp && {
            densePostNorm: norm('post_feedforward_layernorm_1'),
            preNorm: norm('pre_feedforward_layernorm_2'),
            postNorm: norm('post_feedforward_layernorm_2'),
          },
          normFirst: config.routing.norm_first,
        }
      : null
    this.postFeedforwardNorm = norm('post_feedforward_layernorm', true)
    this.perLayer =
      config.hidden_size_per_layer_input > 0 ? new PerLayerGate(name, { ...perLayerShape(config), layer }) : null
  }

  get weights(): Weight[] {
    const weights = [
      this.inputNorm.weight,
      ...this.attention.weights,
      this.postAttentionNorm.weight,
      this.preFeedforwardNorm.weight,
      ...(this.mlp?.weights ?? []),
    ]
    if (this.sparse) {
      const { router, experts, beside } = this.sparse
      if (beside) weights.push(beside.densePostNorm.weight)
      weights.push(...router.weights, ...(beside ? [beside.preNorm.weight] : []), ...experts.weights)
      if (beside) weights.push(beside.postNorm.weight)
    }
    weights.push(this.postFeedforwardNorm.weight, ...(this.perLayer?.weights ?? []))
    return weights
  }

  /** x [R, D] in the residual dtype. With `rows` all after the keys and values is of those rows alone. */
  forward(x_RD: Tensor, context: BlockContext, { shared, memory, perLayer, rows }: BlockInputs = {}): BlockResult {
    const { residual, activation } = context
    const normed_RD = this.inputNorm.forward(x_RD, { outDtype: activation })
    const { output: attended_RD, keyValues } = this.attention.forward(normed_RD, context, { shared, memory, rows })
    const kept_RD = rows ? takeRows(x_RD, rows) : x_RD
    const x1_RD = this.postAttentionNorm.forward(attended_RD, { residual: kept_RD, outDtype: residual })
    const { output, routing } = this.feedForward(x1_RD, rows ? narrowed(context, rows) : context)
    let x2_RD = output
    if (this.perLayer && perLayer) x2_RD = this.perLayer.forward(x2_RD, perLayer, residual)
    return { output: this.layerScalar === 1 ? x2_RD : scale(x2_RD, this.layerScalar), routing, keyValues }
  }

  /** Keeps keys and values of rows [R, D] whose output nobody wants. */
  remember(x_RD: Tensor, context: BlockContext, memory: LayerMemory): void {
    this.attention.remember(this.inputNorm.forward(x_RD, { outDtype: context.activation }), context, memory)
  }

  /** x1 and what the dense and the sparse branch add to it. */
  private feedForward(x1_RD: Tensor, context: BlockContext): { output: Tensor; routing: Routing | null } {
    const { activation: outDtype, residual } = context
    const addTo = (mixed_RD: Tensor): Tensor =>
      this.postFeedforwardNorm.forward(mixed_RD, { residual: x1_RD, outDtype: residual })
    const normed_RD = this.preFeedforwardNorm.forward(x1_RD, { outDtype })
    if (!this.sparse) return { output: addTo(this.mlp!.forward(normed_RD)), routing: null }
    const { router, experts, beside, normFirst } = this.sparse
    if (!this.mlp || !beside) {
      const routing = router.forward(x1_RD, context)
      if (!normFirst) return { output: addTo(experts.forward(normed_RD, routing)), routing }
      const options = { norm: this.postFeedforwardNorm, outDtype: residual }
      return { output: add(x1_RD, experts.forward(normed_RD, routing, options)), routing }
    }
    const dense_RD = this.mlp.forward(normed_RD)
    const routing = router.forward(x1_RD, context)
    const input_RD = beside.preNorm.forward(x1_RD, { outDtype })
    const sparse_RD = experts.forward(input_RD, routing, normFirst ? { norm: beside.postNorm } : {})
    const d_RD = beside.densePostNorm.forward(dense_RD)
    const mixed_RD = normFirst ? add(d_RD, sparse_RD) : beside.postNorm.forward(sparse_RD, { residual: d_RD })
    return { output: addTo(mixed_RD), routing }
  }
}

/** The context of some rows of a pass with a past. */
export function narrowed(context: BlockContext, rows: Int32Array): BlockContext {
  const { padding, positions } = context
  return {
    ...context,
    padding: padding && Uint8Array.from(rows, (row) => padding[row]),
    positions: fromArray(
      Int32Array.from(rows, (row) => positions.ints[row]),
      [rows.length],
      { dtype: 'i32' },
    ),
  }
}

/** Sizes of the per-layer inputs. */
export function perLayerShape(config: ModelConfig) {
  return {
    hiddenSize: config.hidden_size,
    layers: config.num_hidden_layers,
    width: config.hidden_size_per_layer_input,
    vocab: config.vocab_size_per_layer_input,
    eps: config.rms_norm_eps,
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
    routing: config.routing,
  })
}
