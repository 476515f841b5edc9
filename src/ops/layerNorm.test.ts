// LayerNorm, offsets and grid positions: values and gradients against float64.
import { describe, expect, test } from 'vitest'
import { memoryScope, Parameter, zeros } from '../tensor/index.ts'
import { checkOp, layerNormReference, random } from '../testing/index.ts'
import { addBias, addGridPositions, layerNorm } from './index.ts'

const vector = (D: number) => ({ shape: [D], dtype: 'parameter' }) as const

describe('layerNorm', () => {
  test.each([
    [2, 3],
    [3, 7],
    [5, 33],
    [0, 4],
  ])('[%i, %i] has the value and gradients of its formula', (R, D) => {
    checkOp({
      rng: random(R + D),
      inputs: { x: { shape: [R, D], dtype: 'f32' }, w: vector(D), b: vector(D) },
      run: ({ x, w, b }) => layerNorm(x, w, b),
      reference: ({ x, w, b }) => layerNormReference(x, w, b, D),
    })
  })

  test('raw inputs want no gradient, and eps counts where a row is constant', () => {
    checkOp({
      rng: random(1),
      inputs: { x: { shape: [3, 5], dtype: 'f32', requiresGrad: false }, w: vector(5), b: vector(5) },
      run: ({ x, w, b }) => layerNorm(x, w, b, { eps: 0.5 }),
      reference: ({ x, w, b }) => layerNormReference(x, w, b, 5, 0.5),
    })
    checkOp({
      rng: random(2),
      inputs: {
        x: { shape: [1, 4], dtype: 'f32', values: [3, 3, 3, 3], requiresGrad: false },
        w: vector(4),
        b: vector(4),
      },
      run: ({ x, w, b }) => layerNorm(x, w, b),
      reference: ({ b }) => b,
    })
  })
})

test('addBias adds to every row and sums the gradient of the rows', () => {
  checkOp({
    rng: random(3),
    inputs: { x: { shape: [4, 9], dtype: 'f32' }, b: vector(9) },
    run: ({ x, b }) => addBias(x, b),
    reference: ({ x, b }) => x.map((value, i) => value + b[i % 9]),
  })
})

describe('addGridPositions', () => {
  // places that repeat: their gradients add up
  const positions = Int32Array.of(0, 0, 2, 1, 2, 1, 1, 2)

  test.each(['placesFirst', 'axesFirst'] as const)('%s: adds a row of each axis and learns both', (layout) => {
    const [P, D] = [3, 5]
    const entry = (axis: number, place: number): number =>
      layout === 'placesFirst' ? 2 * place + axis : axis * P + place
    checkOp({
      rng: random(4),
      inputs: {
        x: { shape: [4, D], dtype: 'f32' },
        table: { shape: layout === 'placesFirst' ? [P, 2, D] : [2, P, D], dtype: 'parameter' },
      },
      run: ({ x, table }) => addGridPositions(x, table, positions, layout),
      reference: ({ x, table }) =>
        x.map((value, i) => {
          const [row, d] = [Math.floor(i / D), i % D]
          const at = (axis: number): number => table[entry(axis, positions[2 * row + axis]) * D + d]
          return value + at(0) + at(1)
        }),
    })
  })

  test('a place outside the table is named with what is there', () => {
    using _scope = memoryScope()
    const table = new Parameter('places', [3, 2, 4])
    expect(() => addGridPositions(zeros([1, 4]), table, Int32Array.of(0, 3))).toThrow(
      "addGridPositions: positions must be in [0, 3), the table's places, got 3",
    )
    expect(() => addGridPositions(zeros([2, 4]), table, Int32Array.of(0, 1))).toThrow(
      'addGridPositions: positions must have 2 * R = 4 numbers, got 2',
    )
    expect(() => addGridPositions(zeros([1, 5]), table, Int32Array.of(0, 1))).toThrow(
      'table (places) must be [P, 2, 5]',
    )
    table.release()
  })
})

test('shapes that do not fit are named with what is needed', () => {
  using _scope = memoryScope()
  const w = new Parameter('factors', [4])
  expect(() => layerNorm(zeros([2, 3]), w, w)).toThrow('layerNorm: w (factors) must be [3], got f32 [4]')
  expect(() => layerNorm(zeros([2, 4], { dtype: 'bf16' }), w, w)).toThrow('layerNorm: x must be f32')
  expect(() => addBias(zeros([2, 3]), w)).toThrow('addBias: bias (factors) must be [3], got f32 [4]')
  w.release()
})
