// Ways to make a tensor. All of them belong to the innermost memory scope.
import { ShapeError } from '../util/index.ts'
import { roundToBf16 } from './dtype.ts'
import { Tensor, type TensorOptions } from './tensor.ts'

/** Contents undefined: for what is overwritten at once. */
export function empty(shape: readonly number[], options?: TensorOptions): Tensor {
  return new Tensor(shape, options)
}

/** All zero. Default dtype f32. */
export function zeros(shape: readonly number[], options?: TensorOptions): Tensor {
  const tensor = new Tensor(shape, options)
  tensor.data.fill(0)
  return tensor
}

/** All one. Default dtype f32. */
export function ones(shape: readonly number[], options?: TensorOptions): Tensor {
  return full(shape, 1, options)
}

/** All `value`. Default dtype f32. */
export function full(shape: readonly number[], value: number, options?: TensorOptions): Tensor {
  const tensor = new Tensor(shape, options)
  if (tensor.dtype === 'bf16') {
    const bits = new Uint16Array(1)
    roundToBf16(Float32Array.of(value), bits)
    tensor.data.fill(bits[0])
  } else {
    tensor.data.fill(value)
  }
  return tensor
}

/**
 * A copy of `values`, converted to the dtype (numbers to bf16: nearest, ties to even).
 *
 * @throws ShapeError unless there are as many values as the shape has elements
 */
export function fromArray(values: ArrayLike<number>, shape: readonly number[], options?: TensorOptions): Tensor {
  const tensor = new Tensor(shape, options)
  if (values.length !== tensor.size) {
    throw new ShapeError('fromArray', `shape [${shape.join(', ')}] needs ${tensor.size} values`, values.length)
  }
  if (tensor.dtype === 'bf16') {
    roundToBf16(values instanceof Float32Array ? values : Float32Array.from(values), tensor.data as Uint16Array)
  } else {
    tensor.data.set(values)
  }
  return tensor
}
