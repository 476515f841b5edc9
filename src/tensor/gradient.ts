// How gradients reach tensors: the first contribution becomes the gradient, later ones are added to it.
//
// A gradient has the dtype of its tensor and lives as long as it does (in the same scope, or in none).
import { kernels } from '../native/index.ts'
import type { NumberArray } from '../native/index.ts'
import { full } from './create.ts'
import { Tensor } from './tensor.ts'

/** The gradient that has reached an output; zeros where nothing has. */
export function gradientOf(output: Tensor): Tensor {
  output.grad ??= full(output.shape, 0, { dtype: output.dtype })
  return output.grad
}

/** The same, and the caller now owns it: to hand it on to an input without a copy. */
export function takeGradient(output: Tensor): Tensor {
  const gradient = gradientOf(output)
  output.grad = null
  return gradient
}

/** Where a kernel puts the gradient of an input: it overwrites the array, or adds to it if `accumulate`. */
export function gradientTarget(input: Tensor): { data: NumberArray; accumulate: boolean } {
  if (input.grad !== null) return { data: input.grad.numbers, accumulate: true }
  input.grad = new Tensor(input.shape, { dtype: input.dtype })
  input.grad.storage.moveTo(input.storage.owner)
  return { data: input.grad.numbers, accumulate: false }
}

/** Adds a gradient that the caller gives away: it is adopted if it is the first, else added and freed. */
export function addGradient(input: Tensor, gradient: Tensor): void {
  if (input.grad === null && gradient.dtype === input.dtype) {
    gradient.storage.moveTo(input.storage.owner)
    input.grad = gradient
    return
  }
  const { data, accumulate } = gradientTarget(input)
  if (accumulate) kernels.axpby(1, gradient.numbers, 1, data, data, input.size)
  else kernels.convert(gradient.numbers, data, input.size)
  gradient.release()
}

/** Has a kernel that can only overwrite write the gradient of an input; null input: does nothing. */
export function writeGradient(input: Tensor, write: (data: NumberArray) => void): void {
  if (input.grad === null) {
    write(gradientTarget(input).data)
    return
  }
  const gradient = new Tensor(input.shape, { dtype: input.dtype })
  write(gradient.numbers)
  addGradient(input, gradient)
}

/** Starts a backward pass at this tensor. */
export function fillGradient(output: Tensor, value: number): void {
  releaseGradient(output)
  output.grad = full(output.shape, value, { dtype: output.dtype })
}

/** Frees the gradient of a tensor that has passed it on. */
export function releaseGradient(tensor: Tensor): void {
  tensor.grad?.release()
  tensor.grad = null
}
