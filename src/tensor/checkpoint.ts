// Activation checkpointing: forget what was computed between two tensors and compute it again in backward.
//
// Of a stack of L blocks, only the inputs of the blocks stay in memory, plus the activations of one block at
// a time, for about one third more time. Chen et al. 2016 (1604.06174). Gradients are the same bit for bit:
// the kernels repeat exactly, and contributions to shared tensors are added in the same order.
import { memoryScope } from './scope.ts'
import { addGradient, takeGradient } from './gradient.ts'
import { currentTape, record, Tape, withoutTape } from './tape.ts'
import type { Tensor } from './tensor.ts'

/**
 * fn(...inputs), of which only the inputs and the result are kept for the backward pass.
 *
 * @param fn must compute the same when called again; it may use parameters, and other tensors that outlive
 *   the backward pass and want no gradient
 * @param inputs tensors whose gradients are wanted through fn
 */
export function checkpoint(fn: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]): Tensor {
  const output = forward(fn, inputs)
  // nothing is wanted back, but what was computed on the way is forgotten all the same
  if (currentTape() === null) return output
  record({
    op: 'checkpoint',
    outputs: [output],
    backward: () => {
      using _scope = memoryScope()
      using tape = new Tape()
      // Aliases, so that the entries of this inner tape end at the inputs. They carry on the gradients that
      // the inputs already have: sums keep their order.
      const aliases = new Map(inputs.map((input) => [input, input.alias({ requiresGrad: input.requiresGrad })]))
      for (const [input, alias] of aliases) alias.grad = input.grad
      const again = fn(...inputs.map((input) => aliases.get(input)!))
      addGradient(again, takeGradient(output))
      tape.run()
      for (const [input, alias] of aliases) input.grad = alias.grad
    },
  })
  return output
}

function forward(fn: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]): Tensor {
  using scope = memoryScope()
  const output = scope.keep(withoutTape(() => fn(...inputs)))
  return inputs.includes(output) ? output.alias() : output
}
