// The fused head: values, gradients, ignored rows, scaling by the gradient that arrives.
import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope, Parameter, Tape, type Tensor, zeros } from '../tensor/index.ts'
import { checkOp, headLossReference, normalArray, random } from '../testing/index.ts'
import { headCrossEntropy } from './index.ts'

function intTensor(values: number[]): Tensor {
  return fromArray(values, [values.length], { dtype: 'i32' })
}

describe.each(['f32', 'bf16'] as const)('headCrossEntropy of %s', (dtype) => {
  const cases = [
    { name: 'one row', targets: [2], V: 3, D: 2 },
    { name: 'odd sizes and rows without target', targets: [4, -1, 0, 36, -1, 17, 17], V: 37, D: 19 },
    { name: 'a soft cap', targets: [1, 5, -1], V: 21, D: 8, softcap: 2 },
    { name: 'a z-loss', targets: [1, 5, -1, 3], V: 21, D: 8, softcap: 5, z: 0.1 },
    { name: 'no target at all', targets: [-1, -1], V: 5, D: 4 },
    { name: 'no rows', targets: [], V: 5, D: 4 },
  ]
  test.each(cases)('with $name has the value and gradients of the mean', ({ targets, V, D, softcap = 0, z = 0 }) => {
    const counted = Math.max(1, targets.filter((target) => target >= 0).length)
    const mean = (rows: Float64Array): number => rows.reduce((sum, nats) => sum + nats, 0) / counted
    const value = ({ x, table }: Record<'x' | 'table', Float64Array>, coefficient: number): number =>
      mean(headLossReference(x, table, targets, { V, D, softcap, z: coefficient }))
    checkOp({
      rng: random(V),
      inputs: { x: { shape: [targets.length, D], dtype }, table: { shape: [V, D], dtype: 'parameter' } },
      run: ({ x, table }) => headCrossEntropy(x, table, intTensor(targets), { softcap, zCoefficient: z }).loss,
      reference: (inputs) => Float64Array.of(value(inputs, 0)),
      ownLoss: (inputs, [factor]) => factor * (value(inputs, z) - value(inputs, 0)),
    })
  })
})

test('the loss of each row is given, and a forward pass alone leaves the gradient of the table untouched', () => {
  using _scope = memoryScope()
  const rng = random(3)
  const [R, V, D] = [5, 11, 6]
  const targets = [3, -1, 0, 10, 4]
  const table = new Parameter('table', [V, D])
  table.data.set(normalArray(rng, V * D))
  table.touch()
  const x = fromArray(normalArray(rng, R * D), [R, D], { requiresGrad: true })
  using _tape = new Tape()
  const { rowLoss } = headCrossEntropy(x, table, intTensor(targets))
  const expected = headLossReference(x.data, table.data, targets, { V, D })
  expected.forEach((nats, r) => expect(rowLoss[r]).toBeCloseTo(nats, 4))
  expect(table.grad).toBeNull()
})

test('targets outside the vocabulary are refused', () => {
  using _scope = memoryScope()
  const table = new Parameter('embed', [4, 3])
  const run = (target: number) => () => headCrossEntropy(zeros([1, 3]), table, intTensor([target]))
  expect(run(4)).toThrow('headCrossEntropy: targets must be in [0, 4), or -1 for none, got 4')
  expect(run(-2)).toThrow('got -2')
  expect(() => headCrossEntropy(zeros([2, 3]), table, intTensor([0]))).toThrow(
    'headCrossEntropy: targets must be [2], got i32 [1]',
  )
})

test('a model that has diverged has a loss of NaN, not of ln V', () => {
  using _scope = memoryScope()
  const [V, D] = [64, 32]
  const table = new Parameter('embed', [V, D])
  table.data.fill(1)
  table.touch()
  const x = fromArray(new Float32Array(2 * D).fill(Number.NaN), [2, D])
  const { loss } = headCrossEntropy(x, table, intTensor([0, 5]), { softcap: 30 })
  expect(loss.item()).toBeNaN()
})
