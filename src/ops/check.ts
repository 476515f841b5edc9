// Checks of arguments that several ops share. Kernels trust sizes, so every op checks before it calls one.
import type { Compute } from '../native/index.ts'
import { type Dtype, empty, type Tensor } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'

/**
 * Compares a shape with a pattern: a number must match, a letter takes any size.
 *
 * @returns the sizes, in order
 * @throws ShapeError `op: name must be [pattern], got dtype [shape]`
 */
export function expectShape(op: string, name: string, tensor: Tensor, pattern: (number | string)[]): number[] {
  const fits =
    tensor.shape.length === pattern.length &&
    pattern.every((want, i) => typeof want === 'string' || want === tensor.shape[i])
  if (!fits) throw new ShapeError(op, `${name} must be [${pattern.join(', ')}]`, tensor)
  return [...tensor.shape]
}

/** @throws ShapeError unless the tensor has one of these dtypes */
export function expectDtype(op: string, name: string, tensor: Tensor, dtypes: Dtype[]): void {
  if (!dtypes.includes(tensor.dtype)) throw new ShapeError(op, `${name} must be ${dtypes.join(' or ')}`, tensor)
}

/** f32 or bf16; returns which. */
export function expectNumbers(op: string, name: string, tensor: Tensor): Compute {
  expectDtype(op, name, tensor, ['f32', 'bf16'])
  return tensor.dtype as Compute
}

/** A tensor for the result of an op, contents undefined. */
export function output(op: string, shape: readonly number[], dtype: Dtype): Tensor {
  if (dtype === 'i32') throw new ShapeError(op, 'the result must be f32 or bf16', dtype)
  return empty(shape, { dtype })
}

/** Two tensors of one shape. */
export function expectSameShape(op: string, a: Tensor, b: Tensor): void {
  const same = a.shape.length === b.shape.length && a.shape.every((n, i) => n === b.shape[i])
  if (!same) throw new ShapeError(op, `b must have the shape of a, [${a.shape.join(', ')}]`, b)
}

/** A whole number of at least `least`. */
export function expectCount(op: string, name: string, value: number, least = 1): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new ShapeError(op, `${name} must be a whole number of at least ${least}`, value)
  }
}
