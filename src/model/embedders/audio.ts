// The last step of every front end: y = W rms(x), from its own width to that of the trunk, rms without factors.
//
// It is all there is between sound and trunk in the Gemma 4 12B, where x is the raw waveform of 40 ms (640 samples);
// with log-mel frames it is the same map (docs/decisions/009). Behind a tower x is what the tower gives.
// Shapes: N frames, F their width, D model width.
import { matrixWeight, type Weight } from '../../nn/index.ts'
import { linear, rmsNorm } from '../../ops/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { EmbedOptions } from './vision.ts'

export interface AudioEmbedderShape {
  /** Numbers a frame, F. */
  frameDim: number
  hiddenSize: number
  /** Of the norm (rms_norm_eps). Default 1e-6. */
  eps?: number
}

export class AudioEmbedder {
  readonly shape: Required<AudioEmbedderShape>
  readonly projection: Weight

  /** Zero until drawn or loaded; `name` is 'model.embed_audio' or, behind a tower, 'model.embed_vision' in Gemma's files. */
  constructor(name: string, { frameDim, hiddenSize, eps = 1e-6 }: AudioEmbedderShape) {
    this.shape = { frameDim, hiddenSize, eps }
    this.projection = matrixWeight(`${name}.embedding_projection.weight`, [hiddenSize, frameDim], 'matrix')
  }

  get weights(): Weight[] {
    return [this.projection]
  }

  /** f32 [N, F] -> [N, D]. */
  forward(frames_NF: Tensor, { outDtype = 'f32', compute = 'f32' }: EmbedOptions = {}): Tensor {
    const normed_NF = rmsNorm(frames_NF, null, { eps: this.shape.eps })
    return linear(normed_NF, this.projection.parameter, { outDtype, compute })
  }
}
