// A layer of the vision tower: the sandwich of Gemma 4's text layers, with attention both ways and positions in two
// dimensions.
//
//   x1  = x + post_attention(W_o attention(q, k, v))      q, k: normed with factors and turned, v: normed; scale 1
//   out = x1 + post_ff(W_down(gelu(W_gate u) * W_up u))   u = pre_ff(x1)
//
// Shapes: N patches, D tower width, H heads, C head width.
import { Norm, type RopeTable, vectorWeight, type Weight } from '../../nn/index.ts'
import { attention, type AttentionMask, geglu, joinColumns, splitHeads } from '../../ops/index.ts'
import { memoryScope, type Tensor } from '../../tensor/index.ts'
import { swapQuarters } from './axialRope.ts'
import { ClippedLinear } from './clippedLinear.ts'
import type { VisionTowerShape } from './vision.ts'

/** What all layers share. */
export interface VisionContext {
  /** [N, C/2] each, a row a patch. */
  rope: RopeTable
  /** i32 [N]: the rope row of each patch. */
  places: Tensor
  mask: AttentionMask
}

export class VisionLayer {
  readonly #shape: VisionTowerShape
  readonly #query: ClippedLinear
  readonly #key: ClippedLinear
  readonly #value: ClippedLinear
  readonly #output: ClippedLinear
  readonly #queryNorm: Weight
  readonly #keyNorm: Weight
  readonly #gate: ClippedLinear
  readonly #up: ClippedLinear
  readonly #down: ClippedLinear
  readonly #norms: [input: Norm, postAttention: Norm, preFeedforward: Norm, postFeedforward: Norm]

  constructor(name: string, shape: VisionTowerShape) {
    const { hiddenSize: D, intermediateSize: F, heads, kvHeads, headDim, eps, clipped } = shape
    const linearMap = (part: string, outputs: number, inputs: number): ClippedLinear =>
      new ClippedLinear(`${name}.${part}`, [outputs, inputs], { clipped })
    const norm = (part: string): Norm => new Norm(`${name}.${part}`, D, { eps })
    this.#shape = shape
    this.#query = linearMap('self_attn.q_proj', heads * headDim, D)
    this.#key = linearMap('self_attn.k_proj', kvHeads * headDim, D)
    this.#value = linearMap('self_attn.v_proj', kvHeads * headDim, D)
    this.#output = linearMap('self_attn.o_proj', D, heads * headDim)
    this.#queryNorm = vectorWeight(`${name}.self_attn.q_norm.weight`, headDim, 'norm')
    this.#keyNorm = vectorWeight(`${name}.self_attn.k_norm.weight`, headDim, 'norm')
    this.#gate = linearMap('mlp.gate_proj', F, D)
    this.#up = linearMap('mlp.up_proj', F, D)
    this.#down = linearMap('mlp.down_proj', D, F)
    this.#norms = [
      norm('input_layernorm'),
      norm('post_attention_layernorm'),
      norm('pre_feedforward_layernorm'),
      norm('post_feedforward_layernorm'),
    ]
    for (const { matrix } of [this.#query, this.#key]) matrix.reorder = (values) => swapQuarters(values, headDim, D)
    for (const each of [this.#queryNorm, this.#keyNorm]) each.reorder = (values) => swapQuarters(values, headDim, 1)
  }

  get weights(): Weight[] {
    const maps = [this.#query, this.#key, this.#value, this.#output, this.#gate, this.#up, this.#down]
    return [
      ...maps.flatMap(({ weights }) => weights),
      this.#queryNorm,
      this.#keyNorm,
      ...this.#norms.map(({ weight }) => weight),
    ]
  }

  /** f32 [N, D] -> f32 [N, D]. */
  forward(x_ND: Tensor, context: VisionContext): Tensor {
    using scope = memoryScope()
    const [inputNorm, postAttentionNorm, preFeedforwardNorm, postFeedforwardNorm] = this.#norms
    const attended_ND = this.#attend(inputNorm.forward(x_ND), context)
    const x1_ND = postAttentionNorm.forward(attended_ND, { residual: x_ND })
    const u_ND = preFeedforwardNorm.forward(x1_ND)
    const gateUp = joinColumns([{ x: this.#gate.forward(u_ND) }, { x: this.#up.forward(u_ND) }])
    return scope.keep(postFeedforwardNorm.forward(this.#down.forward(geglu(gateUp)), { residual: x1_ND }))
  }

  #attend(x_ND: Tensor, { rope, places, mask }: VisionContext): Tensor {
    const { heads, kvHeads, headDim, eps } = this.#shape
    const parts = [this.#query, this.#key, this.#value].map((part) => ({ x: part.forward(x_ND) }))
    const { q, k, v } = splitHeads(joinColumns(parts), {
      heads,
      kvHeads,
      headDim,
      qNorm: this.#queryNorm.parameter,
      kNorm: this.#keyNorm.parameter,
      vNorm: true,
      rope,
      positions: places,
      eps,
    })
    return this.#output.forward(attention(q, k, v, mask, { batch: 1, time: x_ND.shape[0], heads, kvHeads, headDim }))
  }
}
