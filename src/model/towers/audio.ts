// The audio tower of Gemma 4's E models: a log-mel spectrum (10 ms a frame) in, a soft token every 40 ms out.
//
//   h = Layer_L(... Layer_1(subsample(spectrum)))        subsampling.ts, audioLayer.ts
//   out = W h + b
//
// It is frozen and runs in f32, as the vision tower. Each sound is computed by itself, so there is no padding to mask.
// transformers models/gemma4; Zhang et al. 2023 (Universal Speech Model, 2303.01037).
// Shapes: T frames, M mel bins, N soft tokens, D tower width, O output width.
import { matrixWeight, vectorWeight, type Weight } from '../../nn/index.ts'
import { addBias, linear } from '../../ops/index.ts'
import { empty, memoryScope, type Tensor, withoutTape } from '../../tensor/index.ts'
import { ShapeError } from '../../util/index.ts'
import { AudioLayer } from './audioLayer.ts'
import { freeze } from './frozen.ts'
import { Subsampling } from './subsampling.ts'

export interface AudioTowerShape {
  hiddenSize: number
  layers: number
  heads: number
  /** Channels of the two convolutions; the first is the number of mel bins too. */
  channels: readonly [number, number]
  /** Frames that the depthwise convolution sees. */
  convKernel: number
  /** Share of a feed-forward that is added. */
  residualWeight: number
  /** Keys that a frame sees, its own included (attention_context_left). */
  window: number
  logitCap: number
  /** Values are held within +- this (gradient_clipping). */
  limit: number
  /** Whether linear maps have bounds. */
  clipped: boolean
  eps: number
  outputSize: number
}

export class AudioTower {
  readonly shape: AudioTowerShape
  readonly subsampling: Subsampling
  readonly layers: AudioLayer[]
  readonly output: Weight
  readonly outputBias: Weight

  /** Weights are zero until they are loaded; `name` is 'model.audio_tower' in Gemma's files. */
  constructor(name: string, shape: AudioTowerShape) {
    const { hiddenSize, outputSize } = shape
    this.shape = shape
    this.subsampling = new Subsampling(`${name}.subsample_conv_projection`, shape)
    this.layers = Array.from({ length: shape.layers }, (_, i) => new AudioLayer(`${name}.layers.${i}`, shape))
    this.output = matrixWeight(`${name}.output_proj.weight`, [outputSize, hiddenSize], 'matrix')
    this.outputBias = vectorWeight(`${name}.output_proj.bias`, outputSize, 'bias')
    freeze(this.weights)
  }

  get weights(): Weight[] {
    const layers = this.layers.flatMap(({ weights }) => weights)
    return [...this.subsampling.weights, ...layers, this.output, this.outputBias]
  }

  /**
   * @param spectra [T, M] of all sounds, back to back
   * @param frames frames of each sound; their sum is T
   * @param options.keys of each frame's window that it sees. Default all (AudioTowerShape.window)
   * @returns f32 [N, O], sounds back to back, soundTokensOf(frames) each
   */
  forward(spectra: Float32Array, frames: Int32Array, options: { keys?: number } = {}): Tensor {
    const { melBins } = this.subsampling
    const total = frames.reduce((sum, count) => sum + count, 0)
    if (spectra.length !== total * melBins)
      throw new ShapeError('audioTower', `spectra must be ${total} frames of ${melBins} bins`, spectra.length)
    using scope = memoryScope()
    const outputs: Tensor[] = []
    let start = 0
    for (const count of frames) {
      const spectrum = spectra.subarray(start * melBins, (start + count) * melBins)
      outputs.push(withoutTape(() => this.#encode(spectrum, options.keys)))
      start += count
    }
    const rows = outputs.reduce((sum, { shape }) => sum + shape[0], 0)
    const all = empty([rows, this.shape.outputSize])
    let at = 0
    for (const { floats } of outputs) {
      all.floats.set(floats, at)
      at += floats.length
    }
    return scope.keep(all)
  }

  #encode(spectrum: Float32Array, keys?: number): Tensor {
    using scope = memoryScope()
    let h_ND = this.subsampling.forward(spectrum)
    for (const layer of this.layers) h_ND = layer.forward(h_ND, keys)
    return scope.keep(addBias(linear(h_ND, this.output.parameter), this.outputBias.parameter))
  }
}
