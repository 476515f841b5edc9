// Attention of a decoder layer: grouped queries, per-head norms of q, k and v, rotary positions.
//
//   q = rope(norm_q(W_q x)),  k = rope(norm_k(W_k x)),  v = norm(W_v x)      per head, norm of v without weight
//   out = W_o softmax(mask(q k^T)) v                                          scale 1: norm_q has learned it
//
// The three projections are one matrix, its rows stacked q, k, v. Gemma 4 (gemma _modules.Attention).
// Shapes: R rows (batch*time), D width, H heads, G key/value heads, C head width.
import { attention, linear, splitHeads } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { RopeTable } from './rope.ts'
import { fusedWeight, matrixWeight, vectorWeight, type Weight } from './weight.ts'

export interface AttentionShape {
  hiddenSize: number
  heads: number
  kvHeads: number
  headDim: number
  eps: number
}

/** Where the rows of a batch stand: shared by all layers of a kind. */
export interface AttentionContext {
  batch: number
  time: number
  /** i32 [R]: place of each row in its document. */
  positions: Tensor
  /** i32 [R]: first and last key that a row sees, inside its sequence. */
  mask: { first: Tensor; last: Tensor }
  rope: RopeTable
}

export class Attention {
  readonly shape: AttentionShape
  readonly qkv: Weight
  readonly output: Weight
  readonly qNorm: Weight
  readonly kNorm: Weight

  constructor(name: string, shape: AttentionShape) {
    const { hiddenSize, heads, kvHeads, headDim } = shape
    this.shape = shape
    this.qkv = fusedWeight(
      `${name}.qkv_proj.weight`,
      [heads * headDim, kvHeads * headDim, kvHeads * headDim],
      hiddenSize,
    )
    this.output = matrixWeight(`${name}.o_proj.weight`, [hiddenSize, heads * headDim], 'matrix')
    this.qNorm = vectorWeight(`${name}.q_norm.weight`, headDim, 'norm')
    this.kNorm = vectorWeight(`${name}.k_norm.weight`, headDim, 'norm')
  }

  get weights(): Weight[] {
    return [this.qkv, this.output, this.qNorm, this.kNorm]
  }

  /** x [R, D] -> [R, D], of the dtype of x. */
  forward(x_RD: Tensor, context: AttentionContext): Tensor {
    const { heads, kvHeads, headDim, eps } = this.shape
    const { q, k, v } = splitHeads(linear(x_RD, this.qkv.parameter), {
      heads,
      kvHeads,
      headDim,
      qNorm: this.qNorm.parameter,
      kNorm: this.kNorm.parameter,
      vNorm: true,
      rope: context.rope,
      positions: context.positions,
      eps,
    })
    const { batch, time } = context
    const mixed = attention(q, k, v, context.mask, { batch, time, heads, kvHeads, headDim, scale: 1 })
    return linear(mixed, this.output.parameter)
  }
}
