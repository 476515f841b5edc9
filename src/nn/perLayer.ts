// Per-layer inputs (Gemma 4's E models): each layer reads a small embedding of the token that is its own.
//
//   p   = (norm(W h0 / sqrt(D)) + E_p[id] * sqrt(P)) / sqrt(2)          for all L layers at once, [R, L*P]
//   out = x + post(W_out(gelu(W_gate x) * p_l))                          in layer l
//
// The table E_p [V, L*P] is large and only ever looked up, so it can stay out of fast memory: that is its point. The
// embedding h0 is the one with soft tokens in place; at such rows the id is that of padding.
// Gemma 4 (gemma Embedder.encode_per_layer_input). Shapes: R rows, D width, L layers, P width of a layer's input.
import { embedding, geglu, joinColumns, linear, reshape, rmsNorm, scale } from '../ops/index.ts'
import type { Dtype, Tensor } from '../tensor/index.ts'
import { Norm } from './norm.ts'
import { matrixWeight, vectorWeight, type Weight } from './weight.ts'

export interface PerLayerShape {
  hiddenSize: number
  layers: number
  /** Width of a layer's input, P. */
  width: number
  /** Rows of the table. */
  vocab: number
  eps: number
}

/** What is computed once for all layers. */
export class PerLayerInputs {
  readonly shape: PerLayerShape
  readonly table: Weight
  readonly projection: Weight
  readonly norm: Weight

  constructor(name: string, shape: PerLayerShape) {
    const { hiddenSize, layers, width, vocab } = shape
    this.shape = shape
    this.table = matrixWeight(`${name}.embed_tokens_per_layer.weight`, [vocab, layers * width], 'embedding')
    const projectionName = `${name}.per_layer_model_projection.weight`
    this.projection = matrixWeight(projectionName, [layers * width, hiddenSize], 'matrix')
    this.norm = vectorWeight(`${name}.per_layer_projection_norm.weight`, width, 'norm')
  }

  get weights(): Weight[] {
    return [this.table, this.projection, this.norm]
  }

  /**
   * @param ids i32 [R]; those outside the table count as zeros
   * @param h0_RD [R, D]
   * @returns [R, L*P] in `activation`, which is the arithmetic too
   */
  forward(ids: Tensor, h0_RD: Tensor, activation: 'f32' | 'bf16'): Tensor {
    const { hiddenSize, layers, width, eps } = this.shape
    const R = h0_RD.shape[0]
    const rows = [R * layers, width]
    const token = embedding(ids, this.table.parameter, { scale: Math.sqrt(width), outDtype: activation })
    const raw = linear(h0_RD, this.projection.parameter, { compute: activation, outDtype: activation })
    const summed = rmsNorm(reshape(scale(raw, hiddenSize ** -0.5), rows), this.norm.parameter, {
      eps,
      residual: reshape(token, rows),
    })
    return reshape(scale(summed, Math.SQRT1_2), [R, layers * width])
  }
}

/** A layer's use of its input. */
export class PerLayerGate {
  readonly layer: number
  readonly width: number
  readonly gate: Weight
  readonly projection: Weight
  readonly norm: Norm

  constructor(name: string, { layer, hiddenSize, width, eps }: PerLayerShape & { layer: number }) {
    this.layer = layer
    this.width = width
    this.gate = matrixWeight(`${name}.per_layer_input_gate.weight`, [width, hiddenSize], 'matrix')
    this.projection = matrixWeight(`${name}.per_layer_projection.weight`, [hiddenSize, width], 'matrix')
    this.norm = new Norm(`${name}.post_per_layer_input_norm`, hiddenSize, { eps, post: true })
  }

  get weights(): Weight[] {
    return [this.gate, this.projection, this.norm.weight]
  }

  /**
   * @param x_RD the stream, [R, D]
   * @param inputs those of all layers, [R, L*P]; their dtype is the arithmetic
   * @returns the stream with the layer's input worked in, in `residual`
   */
  forward(x_RD: Tensor, inputs: Tensor, residual: Dtype): Tensor {
    const compute = inputs.dtype as 'f32' | 'bf16'
    const gate = linear(x_RD, this.gate.parameter, { compute, outDtype: compute })
    const own = { x: inputs, from: this.layer * this.width, width: this.width }
    const projected = linear(geglu(joinColumns([{ x: gate }, own])), this.projection.parameter)
    return this.norm.forward(projected, { residual: x_RD, outDtype: residual })
  }
}
