// Dense, row-major arrays in pooled memory.
//
// A tensor is a shape, a dtype and a block of memory; all arithmetic lives in ops/. Nothing above this folder
// should lean on the data lying in CPU memory, except where it reads results or fills inputs.
import { describeShape, PolluxError, ShapeError } from '../util/index.ts'
import type { NumberArray } from '../native/index.ts'
import { bytesPerElement, type Dtype, type TypedArray, viewOf, widenBf16 } from './dtype.ts'
import { currentScope, Storage } from './scope.ts'

export interface TensorOptions {
  /** Default 'f32'. */
  dtype?: Dtype
  /** Asks tapes for the gradient of this tensor. Default false. */
  requiresGrad?: boolean
}

export class Tensor {
  readonly shape: readonly number[]
  readonly dtype: Dtype
  /** Number of elements. */
  readonly size: number
  /** The block of memory; shared by aliases. */
  readonly storage: Storage
  requiresGrad: boolean
  readonly #view: TypedArray
  #grad: Tensor | null = null

  /** Contents undefined; `zeros`, `empty` and `fromArray` are the usual ways to make one. */
  constructor(
    shape: readonly number[],
    { dtype = 'f32', requiresGrad = false }: TensorOptions = {},
    storage?: Storage,
  ) {
    checkShape(shape)
    this.shape = [...shape]
    this.dtype = dtype
    this.size = shape.reduce((product, n) => product * n, 1)
    this.requiresGrad = requiresGrad
    this.storage = storage ?? new Storage(this.size * bytesPerElement[dtype])
    if (!storage) currentScope()?.own(this.storage)
    this.#view = viewOf(this.storage.buffer, dtype, this.size)
  }

  /**
   * The elements (bf16 as their bits). Views of it must not outlive the tensor: its memory is used again.
   *
   * @throws PolluxError once the tensor is released
   */
  get data(): TypedArray {
    if (this.storage.released) {
      throw new PolluxError(`tensor: must be used before its scope ends, got a released ${describeShape(this)}`, {
        hint: 'scope.keep(tensor) hands a tensor to the scope around it',
      })
    }
    return this.#view
  }

  /** Sum of the gradients that backward passes have brought: shape and dtype of this tensor. */
  get grad(): Tensor | null {
    return this.#grad
  }

  set grad(gradient: Tensor | null) {
    this.#grad = gradient
  }

  /** `data` of an f32 or bf16 tensor. */
  get numbers(): NumberArray {
    if (this.dtype === 'i32') throw new ShapeError('tensor', 'dtype must be f32 or bf16', this)
    return this.data as NumberArray
  }

  /** `data` of an f32 tensor. */
  get floats(): Float32Array {
    if (this.dtype !== 'f32') throw new ShapeError('tensor', 'dtype must be f32', this)
    return this.data as Float32Array
  }

  /** `data` of an i32 tensor. */
  get ints(): Int32Array {
    if (this.dtype !== 'i32') throw new ShapeError('tensor', 'dtype must be i32', this)
    return this.data as Int32Array
  }

  /** A copy of the elements as float32, in ordinary memory. */
  toFloat32(): Float32Array {
    const values = new Float32Array(this.size)
    if (this.dtype === 'bf16') widenBf16(this.data as Uint16Array, values)
    else values.set(this.data)
    return values
  }

  /** The value of a tensor with one element. */
  item(): number {
    if (this.size !== 1) throw new ShapeError('item', 'tensor must have 1 element', this)
    return this.toFloat32()[0]
  }

  /** Another tensor on the same memory, unknown to the tape, with a gradient of its own. */
  alias(options: { requiresGrad?: boolean; shape?: readonly number[] } = {}): Tensor {
    const { requiresGrad = false, shape = this.shape } = options
    const other = new Tensor(shape, { dtype: this.dtype, requiresGrad }, this.storage)
    if (other.size !== this.size) throw new ShapeError('alias', `shape must have ${this.size} elements`, other)
    return other
  }

  /** Frees the memory before the scope does; a second call does nothing. */
  release(): void {
    this.storage.release()
  }
}

function checkShape(shape: readonly number[]): void {
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw new ShapeError('tensor', 'shape must hold whole numbers of at least 0', `[${shape.join(', ')}]`)
  }
}
