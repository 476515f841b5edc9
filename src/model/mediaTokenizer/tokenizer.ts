// Pictures and sounds as words: a patch of pixels, or 40 ms of a spectrum, becomes a few codes, and codes a patch again.
//
//   patch -> standardise -> encoder -> bound and round (FSQ) -> digits -> n codes
//   codes -> digits -> decoder -> patch
//
// It is an autoencoder whose bottleneck is finite scalar quantization (Mentzer et al. 2023, 2309.15505): no codebook that
// could collapse, no extra losses. Patches do not see each other, so a patch has the same codes wherever it stands,
// and pictures and sounds may have any size. Training may drop the later tokens of a patch (nested dropout, Rippel et al.
// 2014, 1402.0915), which makes the first one carry most: coarse to fine.
// Shapes: R patches, P values of a patch, n tokens a patch, C = n * levels.length coordinates.
import { countRows } from './rowCheck.ts'
import type { Weight } from '../../nn/index.ts'
import { fsq, fsqDigits, fsqValues, mul } from '../../ops/index.ts'
import { fromArray, memoryScope, type Tensor, withoutTape } from '../../tensor/index.ts'
import { PolluxError, type Rng } from '../../util/index.ts'
import { codesToDigits, digitsToCodes } from './codes.ts'
import { codeCount, type FsqConfig, parseFsqConfig } from './config.ts'
import { Perceptron } from './perceptron.ts'

/** Patches that encode and decode work on at a time. */
const chunk = 2048
/** A channel that hardly varies is not blown up beyond this share of the deviation of all. */
const leastDeviation = 0.1

/** How a tokenizer is made: its config, where `fsqDefaults` may be left out. */
export type FsqRequest = Pick<FsqConfig, 'kind' | 'inputDim' | 'channels'> & Partial<FsqConfig>

export class FsqTokenizer {
  readonly config: FsqConfig
  /** Of each channel, in the units of the patches: what `standardise` takes off and divides by. */
  readonly mean: Float32Array
  readonly deviation: Float32Array
  readonly #encoder: Perceptron
  readonly #decoder: Perceptron
  readonly #levels: number[]

  /** Weights of zero until `initialise` or a file fills them. */
  constructor(request: FsqRequest) {
    this.config = parseFsqConfig(request)
    const { inputDim, channels, hidden, depth, levels, tokensPerPatch } = this.config
    this.mean = new Float32Array(channels)
    this.deviation = new Float32Array(channels).fill(1)
    this.#levels = Array.from({ length: tokensPerPatch }, () => levels).flat()
    const width = this.#levels.length
    this.#encoder = new Perceptron('encoder', { input: inputDim, hidden, depth, output: width })
    this.#decoder = new Perceptron('decoder', { input: width, hidden, depth, output: inputDim })
  }

  get weights(): Weight[] {
    return [...this.#encoder.weights, ...this.#decoder.weights]
  }

  /** Number of codes, the same for each token of a patch. */
  get codeCount(): number {
    return codeCount(this.config.levels)
  }

  get tokensPerPatch(): number {
    return this.config.tokensPerPatch
  }

  /** Fills the weights; returns this. */
  initialise(rng: Rng): this {
    this.#encoder.initialise(rng)
    this.#decoder.initialise(rng)
    return this
  }

  /** Takes mean and deviation of each channel from patches [N, P]. */
  measure(patches: Float32Array): void {
    const { channels } = this.config
    const count = this.#rows('measure', patches) * (this.config.inputDim / channels)
    if (count === 0) throw new PolluxError('measure: there must be at least one patch, got none')
    const sums = new Float64Array(channels)
    const squares = new Float64Array(channels)
    for (let i = 0; i < patches.length; i++) sums[i % channels] += patches[i]
    for (let i = 0; i < patches.length; i++) squares[i % channels] += (patches[i] - sums[i % channels] / count) ** 2
    const overall = Math.sqrt(squares.reduce((a, b) => a + b, 0) / patches.length)
    const least = overall > 0 ? leastDeviation * overall : 1
    for (let c = 0; c < channels; c++) {
      this.mean[c] = sums[c] / count
      this.deviation[c] = Math.max(least, Math.sqrt(squares[c] / count))
    }
  }

  /** Patches in the units that the network sees; same shape. */
  standardise(patches: Float32Array): Float32Array {
    const { channels } = this.config
    return patches.map((x, i) => (x - this.mean[i % channels]) / this.deviation[i % channels])
  }

  /**
   * For training: standardised patches, encoded, rounded and decoded; the gradient passes the rounding.
   *
   * @param x_RP f32 [R, P]
   * @param kept tokens of each patch that the decoder sees, [R] of 1 .. n; the rest counts as zeros. Default: all
   * @returns the reconstruction [R, P], f32, and the rounded coordinates [R, C]
   */
  forward(x_RP: Tensor, compute: 'bf16' | 'f32', kept?: Int32Array): { output_RP: Tensor; values_RC: Tensor } {
    const values_RC = fsq(this.#encoder.forward(x_RP, compute), this.#levels)
    const seen_RC = kept === undefined ? values_RC : mul(values_RC, this.#mask(kept))
    return { output_RP: this.#decoder.forward(seen_RC, compute), values_RC }
  }

  /** Codes of rounded coordinates, as `forward` gives them. */
  codesOf(values: Float32Array): Int32Array {
    return digitsToCodes(fsqDigits(values, this.#levels), this.config.levels)
  }

  /**
   * @param patches [N, P] values, in the units of training
   * @returns codes [N, n], each from 0 to codeCount - 1; the same for equal patches, whatever stands beside them
   * @throws PolluxError for a length that is no multiple of P, and for values that are not finite
   */
  encode(patches: Float32Array): Int32Array {
    const { inputDim } = this.config
    const N = this.#rows('encode', patches)
    const bad = patches.findIndex((x) => !Number.isFinite(x))
    if (bad >= 0) throw new PolluxError(`encode: patches must be finite numbers, got ${patches[bad]} at ${bad}`)
    const codes = new Int32Array(N * this.tokensPerPatch)
    for (let from = 0; from < N; from += chunk) {
      const rows = Math.min(chunk, N - from)
      const part = this.standardise(patches.subarray(from * inputDim, (from + rows) * inputDim))
      const values = compute((): Tensor => {
        return fsq(this.#encoder.forward(fromArray(part, [rows, inputDim]), 'f32'), this.#levels)
      })
      codes.set(this.codesOf(values), from * this.tokensPerPatch)
    }
    return codes
  }

  /**
   * @param codes [N, n]
   * @param tokens of each patch that count, 1 .. n: fewer give a coarser patch if training dropped tokens. Default n
   * @returns patches [N, P] in the units of training
   * @throws PolluxError for a length that is no multiple of n, and for a code out of range
   */
  decode(codes: Int32Array, tokens = this.tokensPerPatch): Float32Array {
    const { inputDim, channels, levels } = this.config
    countRows('decode', 'codes', codes.length, this.tokensPerPatch)
    const N = codes.length / this.tokensPerPatch
    const width = this.#levels.length
    const values = fsqValues(codesToDigits(codes, levels), this.#levels)
    const seen = values.map((x, i) => (i % width < tokens * levels.length ? x : 0))
    const patches = new Float32Array(N * inputDim)
    for (let from = 0; from < N; from += chunk) {
      const rows = Math.min(chunk, N - from)
      const part = seen.subarray(from * width, (from + rows) * width)
      patches.set(
        compute(() => this.#decoder.forward(fromArray(part, [rows, width]), 'f32')),
        from * inputDim,
      )
    }
    return patches.map((x, i) => x * this.deviation[i % channels] + this.mean[i % channels])
  }

  #rows(op: string, patches: Float32Array): number {
    return countRows(op, 'patches', patches.length, this.config.inputDim)
  }

  #mask(kept: Int32Array): Tensor {
    const width = this.#levels.length
    const perToken = this.config.levels.length
    const mask = new Float32Array(kept.length * width)
    kept.forEach((tokens, r) => mask.fill(1, r * width, r * width + tokens * perToken))
    return fromArray(mask, [kept.length, width])
  }
}

/** The values of what `fn` makes, without gradients, and nothing of it left in memory. */
function compute(fn: () => Tensor): Float32Array {
  using _scope = memoryScope()
  return withoutTape(fn).toFloat32()
}
