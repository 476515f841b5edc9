import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope, Parameter, zeros } from '../tensor/index.ts'
import { checkOp, embeddingReference, random } from '../testing/index.ts'
import { embedding } from './index.ts'

describe.each(['f32', 'bf16'] as const)('embedding into %s', (outDtype) => {
  test.each([
    { ids: [2, 0, 2, 2, 4], D: 7 },
    { ids: [1], D: 1 },
    { ids: [3, 1, -1, 9, 1], D: 33 },
    { ids: [], D: 4 },
  ])('rows $ids, $D wide, are those of the table, and its gradient their sum by id', ({ ids, D }) => {
    const scale = 1.5
    checkOp({
      rng: random(D),
      inputs: { table: { shape: [5, D], dtype: 'parameter' } },
      run: ({ table }) => embedding(fromArray(ids, [ids.length], { dtype: 'i32' }), table, { scale, outDtype }),
      reference: ({ table }) => embeddingReference(Int32Array.from(ids), table, D, scale),
      tolerance: outDtype === 'bf16' ? 1e-2 : 1e-6,
    })
  })
})

test('ids must be integers in one dimension', () => {
  using _scope = memoryScope()
  const table = new Parameter('embed', [5, 2])
  expect(() => embedding(zeros([3]), table)).toThrow('embedding: ids must be i32, got f32 [3]')
  expect(() => embedding(zeros([3, 1], { dtype: 'i32' }), table)).toThrow('embedding: ids must be [R], got i32 [3, 1]')
})
