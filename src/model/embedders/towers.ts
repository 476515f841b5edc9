// Front ends with a tower: it is frozen, and the projector after it brings its soft tokens to the width of the trunk.
//
// They stand where the encoder-free embedders do (vision.ts, audio.ts) and give the same: a row a placeholder.
// Shapes: N patches, P patch width, M mel bins, S soft tokens, D model width.
import type { Weight } from '../../nn/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import { AudioTower, type AudioTowerShape } from '../towers/audio.ts'
import { VisionTower, type VisionTowerShape } from '../towers/vision.ts'
import { type EmbedOptions, Projector } from './projector.ts'

export class VisionTowerEmbedder {
  readonly tower: VisionTower
  readonly projector: Projector

  constructor(names: { tower: string; projector: string }, shape: VisionTowerShape, hiddenSize: number) {
    this.tower = new VisionTower(names.tower, shape)
    this.projector = new Projector(names.projector, { frameDim: shape.hiddenSize, hiddenSize, eps: shape.eps })
  }

  /** Those that learn. */
  get weights(): Weight[] {
    return this.projector.weights
  }

  get frozen(): Weight[] {
    return this.tower.weights
  }

  /** As VisionTower.forward, then projected: [N, P] and positions [N, 2] -> [S, D]. */
  forward(patches_NP: Tensor, positions: Int32Array, options?: EmbedOptions): Tensor {
    return this.projector.forward(this.tower.forward(patches_NP, positions), options)
  }
}

export class AudioTowerEmbedder {
  readonly tower: AudioTower
  readonly projector: Projector

  constructor(names: { tower: string; projector: string }, shape: AudioTowerShape, hiddenSize: number) {
    this.tower = new AudioTower(names.tower, shape)
    this.projector = new Projector(names.projector, { frameDim: shape.outputSize, hiddenSize, eps: shape.eps })
  }

  /** Those that learn. */
  get weights(): Weight[] {
    return this.projector.weights
  }

  get frozen(): Weight[] {
    return this.tower.weights
  }

  /** As AudioTower.forward, then projected: spectra [T, M] of sounds of so many frames each -> [S, D]. */
  forward(spectra: Float32Array, frames: Int32Array, options?: EmbedOptions): Tensor {
    return this.projector.forward(this.tower.forward(spectra, frames), options)
  }
}
