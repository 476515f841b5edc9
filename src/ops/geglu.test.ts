import { describe, expect, test } from 'vitest'
import { memoryScope, zeros } from '../tensor/index.ts'
import { checkOp, gegluReference, random } from '../testing/index.ts'
import { geglu } from './index.ts'

describe.each(['f32', 'bf16'] as const)('geglu of %s', (dtype) => {
  test.each([
    [1, 1],
    [3, 5],
    [2, 67],
    [0, 3],
  ])('[%i rows, %i wide] has the value and gradient of its formula', (R, F) => {
    checkOp({
      rng: random(F),
      inputs: { x: { shape: [R, 2 * F], dtype } },
      run: ({ x }) => geglu(x),
      reference: ({ x }) => gegluReference(x, R, F),
    })
  })

  test('gates far from zero saturate without overflow', () => {
    const values = [-1000, -30, -5, 0, 5, 30, 1000, 1, 1, 1, 1, 1, 1, 1]
    checkOp({
      rng: random(1),
      inputs: { x: { shape: [1, 14], dtype, values } },
      run: ({ x }) => geglu(x),
      reference: ({ x }) => gegluReference(x, 1, 7),
    })
  })
})

test('a width that has no halves is refused', () => {
  using _scope = memoryScope()
  expect(() => geglu(zeros([2, 5]))).toThrow('geglu: rows of x must have an even number of columns, got f32 [2, 5]')
})
