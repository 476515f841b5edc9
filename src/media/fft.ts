// The discrete Fourier transform of real signals whose length is a power of two.
//
// A real signal of n samples is folded into n/2 complex ones (even samples real, odd ones imaginary), transformed by an
// iterative radix-2 FFT (Cooley & Tukey 1965), and unfolded into the n/2 + 1 bins that are not mirror images. Twiddle
// factors and bit reversal are tables, made once per length. float64 inside: 512 points cost little and round-off stays
// far below float32.
import { PolluxError } from '../util/index.ts'

/** Forward and inverse transform of one length. Instances hold scratch memory: use one at a time. */
export class RealFft {
  /** Samples. */
  readonly size: number
  /** size / 2 + 1. */
  readonly bins: number
  readonly #half: number
  readonly #cos: Float64Array
  readonly #sin: Float64Array
  readonly #reversed: Uint32Array
  readonly #re: Float64Array
  readonly #im: Float64Array

  /** `size`: a power of two from 4. */
  constructor(size: number) {
    if (!Number.isSafeInteger(size) || size < 4 || (size & (size - 1)) !== 0)
      throw new PolluxError(`RealFft: size must be a power of two from 4, got ${size}`)
    const half = size / 2
    this.size = size
    this.bins = half + 1
    this.#half = half
    this.#cos = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / size))
    this.#sin = Float64Array.from({ length: half }, (_, k) => Math.sin((2 * Math.PI * k) / size))
    this.#reversed = new Uint32Array(half)
    for (let i = 1; i < half; i++) this.#reversed[i] = (this.#reversed[i >> 1] >> 1) | (i & 1 ? half >> 1 : 0)
    this.#re = new Float64Array(half)
    this.#im = new Float64Array(half)
  }

  /** X[k] = sum_n x[n] exp(-2 pi i k n / size): `x` has `size` samples; `re` and `im` get `bins` values each. */
  forward(x: Float64Array, re: Float64Array, im: Float64Array): void {
    const half = this.#half
    for (let i = 0; i < half; i++) {
      const to = this.#reversed[i]
      this.#re[to] = x[2 * i]
      this.#im[to] = x[2 * i + 1]
    }
    this.#transform()
    const zr = this.#re
    const zi = this.#im
    for (let k = 0; k <= half; k++) {
      // spectra of the even and the odd samples, from the folded one and its mirror
      const a = k === half ? 0 : k
      const b = k === 0 || k === half ? 0 : half - k
      const evenRe = (zr[a] + zr[b]) / 2
      const evenIm = (zi[a] - zi[b]) / 2
      const oddRe = (zi[a] + zi[b]) / 2
      const oddIm = (zr[b] - zr[a]) / 2
      const c = k === half ? -1 : this.#cos[k]
      const s = k === half ? 0 : this.#sin[k]
      re[k] = evenRe + c * oddRe + s * oddIm
      im[k] = evenIm + c * oddIm - s * oddRe
    }
  }

  /** The inverse of `forward`: `x` gets `size` samples. The imaginary parts of the first and last bin do not count. */
  inverse(re: Float64Array, im: Float64Array, x: Float64Array): void {
    const half = this.#half
    for (let k = 0; k < half; k++) {
      const bIm = k === 0 ? 0 : im[k]
      const mirrorIm = k === 0 ? 0 : im[half - k]
      const evenRe = (re[k] + re[half - k]) / 2
      const evenIm = (bIm - mirrorIm) / 2
      const diffRe = (re[k] - re[half - k]) / 2
      const diffIm = (bIm + mirrorIm) / 2
      const oddRe = diffRe * this.#cos[k] - diffIm * this.#sin[k]
      const oddIm = diffRe * this.#sin[k] + diffIm * this.#cos[k]
      // the conjugate goes in, so that the forward transform inverts
      const to = this.#reversed[k]
      this.#re[to] = evenRe - oddIm
      this.#im[to] = -(evenIm + oddRe)
    }
    this.#transform()
    for (let i = 0; i < half; i++) {
      x[2 * i] = this.#re[i] / half
      x[2 * i + 1] = -this.#im[i] / half
    }
  }

  /** Butterflies over the scratch arrays, whose input is already in bit-reversed order. */
  #transform(): void {
    const half = this.#half
    const re = this.#re
    const im = this.#im
    for (let length = 2; length <= half; length *= 2) {
      const middle = length / 2
      const step = this.size / length
      for (let k = 0, turn = 0; k < middle; k++, turn += step) {
        const c = this.#cos[turn]
        const s = this.#sin[turn]
        for (let i = k; i < half; i += length) {
          const j = i + middle
          const tr = re[j] * c + im[j] * s
          const ti = im[j] * c - re[j] * s
          re[j] = re[i] - tr
          im[j] = im[i] - ti
          re[i] += tr
          im[i] += ti
        }
      }
    }
  }
}
