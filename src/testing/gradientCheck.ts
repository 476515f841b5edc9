// Checks an op at one point: its value and every gradient, against a float64 reference of the value alone.
//
// The reference is differentiated by central differences in float64, so it needs no gradient of its own and
// shares no code with what it checks. The gradient that enters backward is random.
import { type Dtype, fromArray, memoryScope, Parameter, Tape, type Tensor } from '../tensor/index.ts'
import type { Rng } from '../util/index.ts'
import { finiteDifference } from './finiteDifference.ts'
import { expectClose, normalArray } from './numbers.ts'

/** An input of the op: a tensor of this dtype, or a parameter (f32). */
export interface OpInput {
  shape: readonly number[]
  dtype: 'f32' | 'bf16' | 'parameter'
  /** Default: standard normal. */
  values?: ArrayLike<number>
  /** Default true. */
  requiresGrad?: boolean
}

export interface OpCase<Name extends string> {
  inputs: Record<Name, OpInput>
  /** The op; several results are checked together. */
  run: (inputs: Record<Name, Tensor> & Record<Name, Parameter>) => Tensor | Tensor[]
  /** Its value from float64 inputs, results back to back. */
  reference: (inputs: Record<Name, Float64Array>) => Float64Array
  /** A loss that is not in the value of the op and yet in its gradient, which `cotangent` enters. */
  ownLoss?: (inputs: Record<Name, Float64Array>, cotangent: number[]) => number
  rng: Rng
  /** Allowed error of values and gradients, as a share of the largest entry. Default by dtype (opTolerance). */
  tolerance?: number
}

/** Allowed error as a share of the largest entry: bf16 keeps 8 bits, and a backward pass rounds a few times. */
export const opTolerance = { f32: 3e-5, bf16: 2.5e-2 } as const

/** Runs a case; throws naming the result or the input whose gradient is off. */
export function checkOp<Name extends string>(testCase: OpCase<Name>): void {
  const { inputs, run, reference, ownLoss = () => 0, rng, tolerance } = testCase
  using _scope = memoryScope()
  const names = Object.keys(inputs) as Name[]
  const tensors = Object.fromEntries(names.map((name) => [name, makeInput(name, inputs[name], rng)])) as Record<
    Name,
    Parameter
  >
  const values = Object.fromEntries(
    names.map((name) => [name, Float64Array.from(tensors[name].toFloat32())]),
  ) as Record<Name, Float64Array>
  using tape = new Tape()
  const outputs = [run(tensors)].flat()
  const isBf16 = [...outputs, ...names.map((name) => tensors[name])].some(({ dtype }) => dtype === 'bf16')
  const allowed = tolerance ?? opTolerance[isBf16 ? 'bf16' : 'f32']
  const actual = outputs.flatMap((output) => [...output.toFloat32()])
  expectWithin(actual, reference(values), allowed, 'value')
  const cotangent = outputs.flatMap((output) => {
    output.grad = fromArray(normalArray(rng, output.size), output.shape, { dtype: output.dtype })
    return [...output.grad.toFloat32()]
  })
  tape.run()
  const loss = (): number => reference(values).reduce((sum, y, i) => sum + y * cotangent[i], ownLoss(values, cotangent))
  for (const name of names) {
    if (inputs[name].requiresGrad === false) continue
    const expected = finiteDifference(loss, values[name])
    const gradient = tensors[name].grad?.toFloat32() ?? new Float64Array(expected.length)
    expectWithin(gradient, expected, allowed, `gradient of ${name}`)
  }
  for (const tensor of Object.values<Parameter>(tensors)) if (tensor instanceof Parameter) tensor.release()
}

function makeInput(name: string, input: OpInput, rng: Rng): Tensor {
  const { shape, dtype, requiresGrad = true } = input
  const size = shape.reduce((product, n) => product * n, 1)
  const values = input.values ?? normalArray(rng, size)
  if (dtype !== 'parameter') return fromArray(values, shape, { dtype: dtype satisfies Dtype, requiresGrad })
  const parameter = new Parameter(name, shape)
  parameter.data.set(values)
  parameter.touch()
  return parameter
}

/** Every entry within `share` of the largest expected one. */
function expectWithin(actual: ArrayLike<number>, expected: Float64Array, share: number, what: string): void {
  const largest = expected.reduce((max, x) => Math.max(max, Math.abs(x)), 1e-3)
  expectClose(actual, expected, { rtol: 0, atol: share * largest }, what)
}
