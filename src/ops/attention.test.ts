// Attention as an op: masks of every kind, grouped queries, gradients; the kernel has tests of its own.
import { describe, expect, test } from 'vitest'
import { memoryScope, zeros } from '../tensor/index.ts'
import { attentionForward, checkOp, random } from '../testing/index.ts'
import { attention, attentionMask, type AttentionMaskOptions } from './index.ts'

function maskArrays(options: AttentionMaskOptions): { first: number[]; last: number[] } {
  using _scope = memoryScope()
  const { first, last } = attentionMask(options)
  return { first: [...first.ints], last: [...last.ints] }
}

describe('attentionMask', () => {
  test('is causal from the first key without options', () => {
    expect(maskArrays({ batch: 2, time: 3 })).toEqual({ first: [0, 0, 0, 0, 0, 0], last: [0, 1, 2, 0, 1, 2] })
  })
  test('a window counts the row itself', () => {
    expect(maskArrays({ batch: 1, time: 5, window: 2 }).first).toEqual([0, 0, 1, 2, 3])
  })
  test('a document does not see the one before', () => {
    const segmentStart = Int32Array.of(0, 0, 2, 2, 2)
    expect(maskArrays({ batch: 1, time: 5, segmentStart, window: 2 }).first).toEqual([0, 0, 2, 2, 3])
  })
  test('a block sees itself both ways, as far as the window reaches', () => {
    const blockEnd = Int32Array.of(-1, 4, 4, 4, 4, 5)
    expect(maskArrays({ batch: 1, time: 6, blockEnd }).last).toEqual([0, 4, 4, 4, 4, 5])
    expect(maskArrays({ batch: 1, time: 6, blockEnd, window: 3 })).toEqual({
      first: [0, 0, 0, 1, 2, 3],
      last: [0, 3, 4, 4, 4, 5],
    })
  })
  test('ranges that decrease, and arrays of another length, are refused', () => {
    expect(() => maskArrays({ batch: 1, time: 2, segmentStart: Int32Array.of(1, 0) })).toThrow('must not decrease')
    expect(() => maskArrays({ batch: 2, time: 2, blockEnd: Int32Array.of(1, 1) })).toThrow(
      'attentionMask: blockEnd must have batch*time = 4 entries, got 2',
    )
    expect(() => maskArrays({ batch: 1, time: 1, window: 0 })).toThrow(
      'attentionMask: window must be at least 1, got 0',
    )
  })
})

describe.each(['f32', 'bf16'] as const)('attention of %s', (dtype) => {
  const cases = [
    { name: 'one row', batch: 1, time: 1, heads: 1, kvHeads: 1, headDim: 3 },
    { name: 'grouped queries', batch: 2, time: 5, heads: 4, kvHeads: 2, headDim: 8, scale: 0.3 },
    { name: 'a window and a soft cap', batch: 1, time: 9, heads: 2, kvHeads: 1, headDim: 6, window: 3, softcap: 2 },
    {
      ...{ name: 'packed documents', batch: 1, time: 7, heads: 1, kvHeads: 1, headDim: 5 },
      segmentStart: Int32Array.of(0, 0, 0, 3, 3, 5, 5),
    },
    {
      ...{ name: 'a block both ways', batch: 1, time: 6, heads: 3, kvHeads: 3, headDim: 4 },
      blockEnd: Int32Array.of(-1, 3, 3, 3, -1, -1),
    },
    { name: 'no rows', batch: 0, time: 4, heads: 1, kvHeads: 1, headDim: 4 },
  ]
  test.each(cases)('with $name has the value and gradients of softmax', ({ name: _name, ...options }) => {
    const { batch, time, heads, kvHeads, headDim } = options
    const R = batch * time
    const ranges = maskArrays(options)
    checkOp({
      rng: random(R + headDim),
      inputs: {
        q: { shape: [R, heads * headDim], dtype },
        k: { shape: [R, kvHeads * headDim], dtype },
        v: { shape: [R, kvHeads * headDim], dtype },
      },
      run: ({ q, k, v }) => attention(q, k, v, attentionMask(options), options),
      reference: (qkv) => attentionForward({ ...qkv, ...ranges }, { scale: 1, softcap: 0, ...options }).o,
    })
  })
})

test('shapes that do not fit are named with what is needed', () => {
  using _scope = memoryScope()
  const mask = attentionMask({ batch: 1, time: 2 })
  const options = { batch: 1, time: 2, heads: 4, kvHeads: 2, headDim: 3 }
  const [q, k] = [zeros([2, 12]), zeros([2, 6])]
  expect(() => attention(q, zeros([2, 12]), k, mask, options)).toThrow('attention: k must be [2, 6], got f32 [2, 12]')
  expect(() => attention(q, k, zeros([2, 6], { dtype: 'bf16' }), mask, options)).toThrow(
    'attention: v must be f32, got bf16',
  )
  expect(() => attention(q, k, k, mask, { ...options, kvHeads: 3 })).toThrow(
    'attention: heads must be a multiple of kvHeads = 3, got 4',
  )
  const short = attentionMask({ batch: 1, time: 1 })
  expect(() => attention(q, k, k, short, options)).toThrow('attention: mask.first must be [2], got i32 [1]')
})
