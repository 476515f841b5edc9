import { describe, expect, test } from 'vitest'
import { memoryScope, zeros } from '../tensor/index.ts'
import { checkOp, random } from '../testing/index.ts'
import { joinColumns, mul, reshape } from './index.ts'

describe.each(['f32', 'bf16'] as const)('columns of %s', (dtype) => {
  test('are set side by side, and a matrix that is read twice gets both gradients', () => {
    checkOp({
      rng: random(3),
      inputs: { a: { shape: [3, 2], dtype }, b: { shape: [3, 5], dtype } },
      run: ({ a, b }) => joinColumns([{ x: a }, { x: b, from: 1, width: 3 }, { x: b, from: 3 }]),
      reference: ({ a, b }) =>
        Float64Array.from(
          [0, 1, 2].flatMap((r) => [
            ...a.subarray(r * 2, r * 2 + 2),
            ...b.subarray(r * 5 + 1, r * 5 + 4),
            ...b.subarray(r * 5 + 3, r * 5 + 5),
          ]),
        ),
    })
  })

  test('under another shape keep order and gradient, also where the tensor is used beside it', () => {
    checkOp({
      rng: random(4),
      inputs: { a: { shape: [2, 6], dtype }, b: { shape: [4, 3], dtype } },
      run: ({ a, b }) => [mul(reshape(a, [4, 3]), b), mul(a, a)],
      reference: ({ a, b }) => Float64Array.from([...a.map((x, i) => x * b[i]), ...a.map((x) => x * x)]),
    })
  })
})

test('columns that are not there are refused', () => {
  using _scope = memoryScope()
  const x = zeros([2, 4])
  expect(() => joinColumns([{ x, from: 2, width: 3 }])).toThrow('joinColumns: columns must lie in [0, 4), got 2 .. 4')
  expect(() => joinColumns([{ x }, { x: zeros([3, 4]) }])).toThrow('joinColumns: x must be [2, N], got f32 [3, 4]')
  expect(() => joinColumns([{ x }, { x: zeros([2, 4], { dtype: 'bf16' }) }])).toThrow('parts must be f32')
  expect(() => reshape(x, [3, 3])).toThrow('shape must have 8 elements')
})
