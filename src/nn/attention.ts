// Attention of a decoder layer: grouped queries, per-head norms of q, k and v, rotary positions.
//
//   q = rope(norm_q(W_q x)),  k = rope(norm_k(W_k x)),  v = norm(W_v x)      per head, norm of v without weight
//   out = W_o softmax(mask(s q k^T)) v                                        s = 1: norm_q has learned it
//
// Gemma 4's full layers may have no W_v: then v = norm(W_k x). Its E models' last layers have queries only, and take
// keys and values from a layer before (`values: 'shared'`). Gemma 3 leaves v as it is and has s < 1.
// The projections are one matrix, its rows stacked q, k, v. Gemma 4 (gemma _modules.Attention).
// Shapes: R rows (batch*time), D width, H heads, G key/value heads, C head width.
import { attention, linear, queryHeads, splitHeads, takeRows } from '../ops/index.ts'
import type { Parameter, Tensor } from '../tensor/index.ts'
import { PolluxError } from '../util/index.ts'
import type { RopeTable } from './rope.ts'
import { fusedWeight, matrixWeight, vectorWeight, type Weight } from './weight.ts'

export interface AttentionShape {
  hiddenSize: number
  heads: number
  kvHeads: number
  headDim: number
  eps: number
  /** Where values come from: a projection, the raw keys, or (with the keys) another layer. Default 'own'. */
  values?: 'own' | 'keys' | 'shared'
  /** Whether value heads are normalised. Default true. */
  vNorm?: boolean
  /** Factor on q.k. Default 1. */
  scale?: number
  /** What files leave off the norm factors. Default 0. */
  storedLess?: number
}

/** Where the rows of a batch stand: shared by all layers of a kind. */
export interface AttentionContext {
  batch: number
  time: number
  /** i32 [R]: place of each row in its document. */
  positions: Tensor
  /** i32 [R]: first and last key that a row sees, inside its sequence. null: a layer's memory knows. */
  mask: { first: Tensor; last: Tensor } | null
  rope: RopeTable
}

/** Keys and values of a layer, [R, G*C] each, normed and rotated: as they are attended to. */
export interface KeyValues {
  k: Tensor
  v: Tensor
}

/** Keys and values of a layer from earlier passes, of every sequence of the batch: a key-value cache. */
export interface LayerMemory {
  /** Takes in the rows of this pass. `keyNorm` is the factor by which k differs from v where values are keys. */
  add(own: KeyValues, keyNorm: Parameter): void
  /** What the queries [R, H*C], or those of the rows it was made for, find in rows of earlier passes and of this one. */
  attend(q: Tensor, options: { heads: number; scale: number }): Tensor
}

export interface AttentionInputs {
  /** The donor's keys and values, where this layer has none. */
  shared?: KeyValues
  /** Rows of earlier passes, which this pass goes on from; it stands for `shared` too. */
  memory?: LayerMemory
  /** With a memory made for them: the N rows whose output is wanted. Default all. Keys and values of all are kept. */
  rows?: Int32Array
}

export interface AttentionResult {
  /** [R, D] (or [N, D]), of the dtype of x. */
  output: Tensor
  /** What was attended to; null where a memory has it. */
  keyValues: KeyValues | null
}

/** Name of the fused projection by what it holds; tensorNames.ts knows them. */
const projectionNames = { own: 'qkv_proj', keys: 'qk_proj', shared: 'q_proj' } as const

export class Attention {
  readonly shape: AttentionShape
  /** Queries, and what the layer has of keys and values. */
  readonly qkv: Weight
  readonly output: Weight
  readonly qNorm: Weight
  /** null where keys are another layer's. */
  readonly kNorm: Weight | null

  constructor(name: string, shape: AttentionShape) {
    const { hiddenSize, heads, kvHeads, headDim, values = 'own', storedLess, scale = 1 } = shape
    this.shape = shape
    // without a factor on q.k it is their norms that keep scores near 1 at the start
    const role = scale === 1 ? 'headNorm' : 'norm'
    const kvWidths = { own: [kvHeads, kvHeads], keys: [kvHeads], shared: [] }[values]
    this.qkv = fusedWeight(
      `${name}.${projectionNames[values]}.weight`,
      [heads, ...kvWidths].map((count) => count * headDim),
      hiddenSize,
    )
    this.output = matrixWeight(`${name}.o_proj.weight`, [hiddenSize, heads * headDim], 'matrix')
    this.qNorm = vectorWeight(`${name}.q_norm.weight`, headDim, role, storedLess)
    this.kNorm = values === 'shared' ? null : vectorWeight(`${name}.k_norm.weight`, headDim, role, storedLess)
  }

  get weights(): Weight[] {
    return [this.qkv, this.output, this.qNorm, ...(this.kNorm ? [this.kNorm] : [])]
  }

  /** @param x_RD [R, D] */
  forward(x_RD: Tensor, context: AttentionContext, { shared, memory, rows }: AttentionInputs = {}): AttentionResult {
    const { heads, kvHeads, headDim, scale = 1 } = this.shape
    const { q, own } = this.#heads(linear(x_RD, this.qkv.parameter), context)
    const { batch, time, mask } = context
    if (memory) {
      if (own && this.kNorm) memory.add(own, this.kNorm.parameter)
      const mixed = memory.attend(rows ? takeRows(q, rows) : q, { heads, scale })
      return { output: linear(mixed, this.output.parameter), keyValues: null }
    }
    const keyValues = own ?? shared
    if (!keyValues) {
      throw new PolluxError(`attention: ${this.qkv.parameter.name} must get keys of a layer before, got none`)
    }
    if (!mask) throw new PolluxError('attention: a mask must be given where there is no memory, got none')
    const { k, v } = keyValues
    const mixed = attention(q, k, v, mask, { batch, time, heads, kvHeads, headDim, scale })
    return { output: linear(mixed, this.output.parameter), keyValues }
  }

  /** Keeps keys and values of rows whose output nobody wants. */
  remember(x_RD: Tensor, context: AttentionContext, memory: LayerMemory): void {
    const { own } = this.#heads(linear(x_RD, this.qkv.parameter), context)
    if (own && this.kNorm) memory.add(own, this.kNorm.parameter)
  }

  #heads(projected: Tensor, { rope, positions }: AttentionContext): { q: Tensor; own: KeyValues | null } {
    const { heads, kvHeads, headDim, eps, values = 'own', vNorm = true } = this.shape
    const common = { heads, headDim, qNorm: this.qNorm.parameter, rope, positions, eps }
    if (!this.kNorm || values === 'shared') return { q: queryHeads(projected, common), own: null }
    const { q, k, v } = splitHeads(projected, { ...common, kvHeads, kNorm: this.kNorm.parameter, vNorm, values })
    return { q, own: { k, v } }
  }
}
