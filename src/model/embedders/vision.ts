// Pictures without an encoder, as the Gemma 4 12B reads them: a raw patch becomes a row of the residual stream.
//
//   h = LN2(W LN1(patch) + b) + P_x[x] + P_y[y]
//   y = W_out rms(LN_pos(h))                              rms without factors
//
// A patch is patch_size^2 * 3 numbers in [0, 1] in the order row, column, channel; the layers of the trunk do what an
// encoder would (transformers, models/gemma4_unified). All but the two products is f32. Patches of one call may come
// from any number of pictures: rows do not meet here.
// Shapes: N patches, P patch width, E embedding width, D model width.
import { matrixWeight, positionsWeight, vectorWeight, type Weight } from '../../nn/index.ts'
import { addBias, addGridPositions, layerNorm, linear, rmsNorm } from '../../ops/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { EmbedOptions } from './projector.ts'

export interface VisionEmbedderShape {
  /** Numbers a patch, P: side^2 * 3. */
  patchDim: number
  /** Width between the two maps, E (mm_embed_dim). */
  embedDim: number
  /** Places an axis of the position table (mm_posemb_size). */
  positions: number
  hiddenSize: number
  /** Of the last norm (rms_norm_eps). Default 1e-6; the LayerNorms have 1e-5. */
  eps?: number
}

export class VisionEmbedder {
  readonly shape: Required<VisionEmbedderShape>
  readonly patchNorm: LayerNormWeights
  readonly dense: Weight
  readonly denseBias: Weight
  readonly denseNorm: LayerNormWeights
  readonly positions: Weight
  readonly positionNorm: LayerNormWeights
  readonly projection: Weight

  /** Weights are zero until they are drawn or loaded; `name` is 'model.embed_vision' in Gemma's files. */
  constructor(name: string, shape: VisionEmbedderShape) {
    const { patchDim, embedDim, positions, hiddenSize, eps = 1e-6 } = shape
    this.shape = { patchDim, embedDim, positions, hiddenSize, eps }
    this.patchNorm = layerNormWeights(`${name}.patch_ln1`, patchDim)
    this.dense = matrixWeight(`${name}.patch_dense.weight`, [embedDim, patchDim], 'matrix')
    this.denseBias = vectorWeight(`${name}.patch_dense.bias`, embedDim, 'bias')
    this.denseNorm = layerNormWeights(`${name}.patch_ln2`, embedDim)
    this.positions = positionsWeight(`${name}.pos_embedding`, [positions, 2, embedDim])
    this.positionNorm = layerNormWeights(`${name}.pos_norm`, embedDim)
    this.projection = matrixWeight(
      `${name}.multimodal_embedder.embedding_projection.weight`,
      [hiddenSize, embedDim],
      'matrix',
    )
    for (const weight of this.weights) weight.storedName = storedName(weight.parameter.name)
  }

  /** In a fixed order, which drawing follows. */
  get weights(): Weight[] {
    const norms = ({ factors, offsets }: LayerNormWeights): Weight[] => [factors, offsets]
    return [
      ...norms(this.patchNorm),
      this.dense,
      this.denseBias,
      ...norms(this.denseNorm),
      this.positions,
      ...norms(this.positionNorm),
      this.projection,
    ]
  }

  /**
   * @param patches_NP f32 [N, P], values in [0, 1]
   * @param positions [N, 2]: column (x) and row (y) of each patch in its picture
   * @returns [N, D]
   */
  forward(patches_NP: Tensor, positions: Int32Array, options: EmbedOptions = {}): Tensor {
    const { outDtype = 'f32', compute = 'f32' } = options
    const normed_NP = applyLayerNorm(patches_NP, this.patchNorm)
    const mapped_NE = linear(normed_NP, this.dense.parameter, { outDtype: 'f32', compute })
    const dense_NE = applyLayerNorm(addBias(mapped_NE, this.denseBias.parameter), this.denseNorm)
    const placed_NE = applyLayerNorm(addGridPositions(dense_NE, this.positions.parameter, positions), this.positionNorm)
    return linear(rmsNorm(placed_NE, null, { eps: this.shape.eps }), this.projection.parameter, { outDtype, compute })
  }
}

/** Names inside the model follow transformers' classes; its files keep the names of the original. */
function storedName(name: string): string {
  const projection = name.replace('.multimodal_embedder.', '.')
  return projection !== name ? projection : name.replace('embed_vision', 'vision_embedder')
}

interface LayerNormWeights {
  factors: Weight
  offsets: Weight
}

function layerNormWeights(name: string, size: number): LayerNormWeights {
  return {
    factors: vectorWeight(`${name}.weight`, size, 'norm'),
    offsets: vectorWeight(`${name}.bias`, size, 'bias'),
  }
}

function applyLayerNorm(x: Tensor, { factors, offsets }: LayerNormWeights): Tensor {
  return layerNorm(x, factors.parameter, offsets.parameter)
}
