// From a log-mel spectrum to a quarter of its frames: two convolutions of stride 2, as 40 ms are one soft token.
//
//   twice:  h = relu(LayerNorm_channels(conv3x3(h, stride 2, one zero around)))      1 -> C0 -> C1 channels
//   out = W h                                                                        h flat: frequency, then channel
//
// A convolution is one product over the 3 x 3 neighbours of each place, gathered side by side.
// Shapes: T frames, M mel bins, C channels, D tower width.
import { matrixWeight, vectorWeight, type Weight } from '../../nn/index.ts'
import { layerNorm, linear } from '../../ops/index.ts'
import { fromArray, type Tensor } from '../../tensor/index.ts'
import { relu } from './elementwise.ts'

/** Channels last: [time, frequency, channel]. */
interface Plane {
  values: Float32Array
  time: number
  frequencies: number
  channels: number
}

/** Places that a convolution of stride 2 leaves of n. */
const halved = (n: number): number => (n === 0 ? 0 : ((n - 1) >> 1) + 1)

/** Soft tokens of a spectrum of so many frames. */
export function soundTokensOf(frames: number): number {
  return halved(halved(frames))
}

class Convolution {
  readonly kernel: Weight
  readonly norm: Weight
  readonly eps: number

  constructor(name: string, { inputs, outputs, eps }: { inputs: number; outputs: number; eps: number }) {
    const matrix = matrixWeight(`${name}.conv.weight`, [outputs, inputs * 9], 'matrix')
    this.kernel = { ...matrix, storedShape: [outputs, inputs, 3, 3] }
    this.norm = vectorWeight(`${name}.norm.weight`, outputs, 'norm')
    this.eps = eps
  }

  forward(plane: Plane): Plane {
    const [time, frequencies] = [halved(plane.time), halved(plane.frequencies)]
    const channels = this.kernel.parameter.shape[0]
    const mapped = linear(fromArray(neighbours(plane), [time * frequencies, plane.channels * 9]), this.kernel.parameter)
    const { floats } = layerNorm(mapped, this.norm.parameter, null, { eps: this.eps })
    relu(floats)
    return { values: floats, time, frequencies, channels }
  }
}

/** For each place of stride 2 its 3 x 3 neighbours: [places, channel, time, frequency], zeros outside. */
function neighbours({ values, time, frequencies, channels }: Plane): Float32Array {
  const [outTime, outFrequencies] = [halved(time), halved(frequencies)]
  const columns = new Float32Array(outTime * outFrequencies * channels * 9)
  for (let place = 0; place < outTime * outFrequencies; place++) {
    const [t0, f0] = [2 * Math.floor(place / outFrequencies) - 1, 2 * (place % outFrequencies) - 1]
    for (let tap = 0; tap < 9; tap++) {
      const [t, f] = [t0 + Math.floor(tap / 3), f0 + (tap % 3)]
      if (t < 0 || t >= time || f < 0 || f >= frequencies) continue
      const from = (t * frequencies + f) * channels
      for (let c = 0; c < channels; c++) columns[(place * channels + c) * 9 + tap] = values[from + c]
    }
  }
  return columns
}

export class Subsampling {
  readonly #first: Convolution
  readonly #second: Convolution
  readonly #projection: Weight
  /** Mel bins of a frame: as many as the first convolution has channels, so that the sizes of Gemma's files agree. */
  readonly melBins: number

  constructor(name: string, shape: { channels: readonly [number, number]; hiddenSize: number; eps: number }) {
    const { channels, hiddenSize, eps } = shape
    const [C0, C1] = channels
    this.melBins = C0
    this.#first = new Convolution(`${name}.layer0`, { inputs: 1, outputs: C0, eps })
    this.#second = new Convolution(`${name}.layer1`, { inputs: C0, outputs: C1, eps })
    const width = halved(halved(this.melBins)) * C1
    this.#projection = matrixWeight(`${name}.input_proj_linear.weight`, [hiddenSize, width], 'matrix')
  }

  get weights(): Weight[] {
    const { kernel: k0, norm: n0 } = this.#first
    const { kernel: k1, norm: n1 } = this.#second
    return [k0, n0, k1, n1, this.#projection]
  }

  /** [T, M] -> f32 [soundTokensOf(T), D]. */
  forward(spectrum: Float32Array): Tensor {
    const input = { values: spectrum, time: spectrum.length / this.melBins, frequencies: this.melBins, channels: 1 }
    const { values, time, frequencies, channels } = this.#second.forward(this.#first.forward(input))
    return linear(fromArray(values, [time, frequencies * channels]), this.#projection.parameter)
  }
}
