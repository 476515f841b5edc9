// The last step of every front end: y = W rms(x), from its own width to that of the trunk, rms without factors.
//
// Before it stands a tower, or nothing (audio.ts). Shapes: N rows, F their width, D model width.
import { matrixWeight, type Weight } from '../../nn/index.ts'
import { linear, rmsNorm } from '../../ops/index.ts'
import type { Dtype, Tensor } from '../../tensor/index.ts'

export interface ProjectorShape {
  /** Numbers a row, F. */
  frameDim: number
  hiddenSize: number
  /** Of the norm (rms_norm_eps). Default 1e-6. */
  eps?: number
}

/** How the maps of an embedder are computed. */
export interface EmbedOptions {
  /** Dtype of the rows. Default f32. */
  outDtype?: Dtype
  /** Arithmetic of the products. Default f32. */
  compute?: 'f32' | 'bf16'
}

export class Projector {
  readonly shape: Required<ProjectorShape>
  readonly projection: Weight

  /** Zero until drawn or loaded; `name` is 'model.embed_audio' or, behind a tower, 'model.embed_vision' in Gemma's files. */
  constructor(name: string, { frameDim, hiddenSize, eps = 1e-6 }: ProjectorShape) {
    this.shape = { frameDim, hiddenSize, eps }
    this.projection = matrixWeight(`${name}.embedding_projection.weight`, [hiddenSize, frameDim], 'matrix')
  }

  get weights(): Weight[] {
    return [this.projection]
  }

  /** f32 [N, F] -> [N, D]. */
  forward(rows_NF: Tensor, { outDtype = 'f32', compute = 'f32' }: EmbedOptions = {}): Tensor {
    const normed_NF = rmsNorm(rows_NF, null, { eps: this.shape.eps })
    return linear(normed_NF, this.projection.parameter, { outDtype, compute })
  }
}
