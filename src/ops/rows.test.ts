import { expect, test } from 'vitest'
import { fromArray, memoryScope, Parameter, Tape } from '../tensor/index.ts'
import { Rng } from '../util/index.ts'
import { add, linear, mul, replaceRows, sum, takeRows } from './index.ts'

const [R, D] = [7, 5]
const rows = Int32Array.of(1, 2, 6)

function parameter(name: string, shape: number[], seed: number): Parameter {
  const rng = new Rng(seed)
  const made = new Parameter(name, shape)
  for (let i = 0; i < made.size; i++) made.data[i] = rng.normal()
  return made
}

test.each(['f32', 'bf16'] as const)('rows are taken and replaced as they are, in %s', (dtype) => {
  using _scope = memoryScope()
  const x = fromArray(
    Float32Array.from({ length: R * D }, (_, i) => i),
    [R, D],
    { dtype },
  )
  const v = fromArray(
    Float32Array.from({ length: 3 * D }, (_, i) => -i - 1),
    [3, D],
    { dtype },
  )
  const taken = takeRows(x, rows).toFloat32()
  expect([...taken]).toEqual([...rows].flatMap((row) => Array.from({ length: D }, (_, i) => row * D + i)))
  const replaced = replaceRows(x, rows, v)
  expect(takeRows(replaced, rows).toFloat32()).toEqual(v.toFloat32())
  const others = Int32Array.of(0, 3, 4, 5)
  expect(takeRows(replaced, others).toFloat32()).toEqual(takeRows(x, others).toFloat32())
})

test('gradients are those of the same thing written as products with 0 and 1', () => {
  using _scope = memoryScope()
  const [w, v] = [parameter('w', [D, D], 1), parameter('v', [D, D], 2)]
  const [input, values] = [parameter('input', [R, D], 3), parameter('values', [3, D], 4)]
  const weights = fromArray(
    Float32Array.from({ length: 3 * D }, (_, i) => Math.sin(i)),
    [3, D],
  )
  const run = (f: () => ReturnType<typeof sum>): Float32Array[] => {
    for (const p of [w, v]) p.zeroGrad()
    using tape = new Tape()
    tape.backward(f())
    return [w, v].map((p) => Float32Array.from(p.gradient().floats))
  }
  const fast = run(() => {
    const x = replaceRows(linear(input, w), rows, linear(values, v))
    return sum(mul(takeRows(x, Int32Array.of(0, 1, 6)), weights))
  })
  // row 0 comes from x, rows 1 and 6 are values 0 and 2
  const slow = run(() => {
    const [a, b] = [linear(input, w), linear(values, v)]
    const mask = (tensor: typeof a, entries: [number, number][]) => {
      const m = new Float32Array(tensor.size)
      for (const [row, k] of entries) for (let i = 0; i < D; i++) m[row * D + i] = weights.floats[k * D + i]
      return sum(mul(tensor, fromArray(m, tensor.shape)))
    }
    return add(
      mask(a, [[0, 0]]),
      mask(b, [
        [0, 1],
        [2, 2],
      ]),
    )
  })
  fast.forEach((gradient, i) => gradient.forEach((value, j) => expect(value).toBeCloseTo(slow[i][j], 4)))
})

test('rows that repeat, run backwards or lie outside are refused', () => {
  using _scope = memoryScope()
  const x = fromArray(new Float32Array(R * D), [R, D])
  for (const bad of [[2, 2], [3, 1], [7], [-1]]) {
    expect(() => takeRows(x, Int32Array.from(bad))).toThrow('takeRows: rows must increase within [0, 7)')
  }
  expect(() => replaceRows(x, rows, fromArray(new Float32Array(D), [1, D]))).toThrow('values must be [3, 5]')
})
