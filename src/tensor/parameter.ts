// A weight of the model: f32, outside of all scopes, with an f32 gradient that kernels add to in place.
//
// Products read weights in a packed form (panels of 16 columns, in the dtype of the product). Packing costs a
// pass over the weight, and a weight changes once per optimiser step while it is multiplied many times: the
// packed forms are kept here until `touch` says that the weight has changed, and their memory is used again.
import { type Compute, kernels } from '../native/index.ts'
import { PolluxError, ShapeError } from '../util/index.ts'
import { Storage } from './scope.ts'
import { Tensor } from './tensor.ts'

/** forward: for x W^T. backward: for dY W. */
export type PackKind = 'forward' | 'backward'

/** How the numbers of a weight are kept for inference alone: see `freeze`. */
export type Frozen = 'bf16' | 'int8' | 'int4'

interface Packed {
  version: number
  storage: Storage
  bytes: Uint8Array
}

export class Parameter extends Tensor {
  readonly name: string
  #version = 0
  /** The gradient counts as zero, whatever its memory holds. */
  #cleared = false
  readonly #packed = new Map<string, Packed>()
  #frozen: { bits: 8 | 4; storage: Storage; bytes: Uint8Array } | null = null

  /** Zeros of this shape; a matrix is [N, K] (out, in), a stack of them [E, N, K]. */
  constructor(name: string, shape: readonly number[]) {
    super(shape, { dtype: 'f32', requiresGrad: true })
    this.storage.moveTo(null)
    this.name = name
    this.data.fill(0)
  }

  override get data(): Float32Array {
    return super.data as Float32Array
  }

  /** Counts changes of the values. */
  get version(): number {
    return this.#version
  }

  /** Says that `data` has been written to. Without it products go on with the old values. */
  touch(): void {
    this.#version++
  }

  override get grad(): Tensor | null {
    const gradient = super.grad
    if (this.#cleared) gradient?.data.fill(0)
    this.#cleared = false
    return gradient
  }

  override set grad(gradient: Tensor | null) {
    this.#cleared = false
    super.grad = gradient
  }

  /** The gradient to add to; zeros, and outside of all scopes, when there is none yet. */
  gradient(): Tensor {
    const { data, accumulate } = this.gradientTarget()
    if (!accumulate) data.fill(0)
    return this.grad!
  }

  /**
   * Where a kernel puts a contribution to the gradient: it adds to the array if `accumulate`, else overwrites all of it.
   * The first contribution after zeroGrad overwrites, which saves writing the zeros and reading them back.
   */
  gradientTarget(): { data: Float32Array; accumulate: boolean } {
    const accumulate = super.grad !== null && !this.#cleared
    if (super.grad === null) {
      const gradient = new Tensor(this.shape, { dtype: 'f32' })
      gradient.storage.moveTo(null)
      super.grad = gradient
    }
    this.#cleared = false
    return { data: super.grad!.floats, accumulate }
  }

  /** Sets the gradient to zero and keeps its memory. */
  zeroGrad(): void {
    this.#cleared = super.grad !== null
  }

  /** The values as products take them; packed again only after `touch`. */
  packed(kind: PackKind, compute: Compute): Uint8Array {
    const key = `${kind} ${compute}`
    let entry = this.#packed.get(key)
    if (entry?.version === this.#version) return entry.bytes
    const { count, n, k } = this.#matrix()
    const [depth, width] = kind === 'forward' ? [k, n] : [n, k]
    if (!entry) {
      const size = count * kernels.gemmPackedBytes(compute, depth, width)
      const storage = new Storage(size)
      entry = { version: -1, storage, bytes: new Uint8Array(storage.buffer, 0, size) }
      this.#packed.set(key, entry)
    }
    kernels.gemmPack(this.data, kind === 'forward', depth, width, count, compute, entry.bytes)
    entry.version = this.#version
    return entry.bytes
  }

  /**
   * Packs the values for inference and, unless `keep`, gives their f32 memory back: products and lookups of packed forms go
   * on, while reading `data`, training and saving end. 'int8' and 'int4' hold a bf16 scale for every 32 of a row.
   */
  freeze(kind: Frozen, { keep = false } = {}): void {
    const { count, n, k } = this.#matrix()
    if (kind === 'bf16') this.packed('forward', 'bf16')
    else {
      const bits = kind === 'int8' ? 8 : 4
      const size = count * kernels.quantisedBytes(bits, k, n)
      const storage = new Storage(size)
      const bytes = new Uint8Array(storage.buffer, 0, size)
      kernels.quantisedPack(this.data, n, k, count, bits, bytes)
      this.#frozen?.storage.release()
      this.#frozen = { bits, storage, bytes }
      // what products no longer read
      for (const packed of this.#packed.values()) packed.storage.release()
      this.#packed.clear()
    }
    this.requiresGrad = false
    if (!keep) super.release()
  }

  /** The packed form of 8 or 4 bits that products read, where there is one. */
  get quantised(): { readonly bits: 8 | 4; readonly bytes: Uint8Array } | null {
    return this.#frozen
  }

  /** Bytes of the packed forms that are held. */
  get packedBytes(): number {
    const packed = this.#packed.values().reduce((sum, { bytes }) => sum + bytes.length, 0)
    return packed + (this.#frozen?.bytes.length ?? 0)
  }

  override release(): void {
    this.#frozen?.storage.release()
    this.#frozen = null
    for (const { storage } of this.#packed.values()) storage.release()
    this.#packed.clear()
    this.grad?.release()
    super.release()
  }

  #matrix(): { count: number; n: number; k: number } {
    if (this.storage.released) throw new PolluxError(`parameter: ${this.name} must not be used after its release`)
    if (this.shape.length === 2) return { count: 1, n: this.shape[0], k: this.shape[1] }
    if (this.shape.length === 3) return { count: this.shape[0], n: this.shape[1], k: this.shape[2] }
    throw new ShapeError('parameter', `${this.name} must be [N, K] or [E, N, K] to be multiplied with`, this)
  }
}
