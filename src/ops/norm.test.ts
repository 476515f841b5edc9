// RMSNorm with and without factors and residual, in every mix of dtypes.
import { describe, expect, test } from 'vitest'
import { memoryScope, Parameter, zeros } from '../tensor/index.ts'
import { checkOp, random, rmsNormReference } from '../testing/index.ts'
import { rmsNorm } from './index.ts'

const sizes = [
  [1, 1],
  [3, 7],
  [5, 33],
  [2, 130],
  [0, 4],
]

describe.each(['f32', 'bf16'] as const)('rmsNorm of %s', (dtype) => {
  test.each(sizes)('[%i, %i] has the value and gradients of its formula', (R, D) => {
    const x = { shape: [R, D], dtype }
    const w = { shape: [D], dtype: 'parameter' } as const
    const rng = random(R * D)
    checkOp({
      rng,
      inputs: { x, w },
      run: (t) => rmsNorm(t.x, t.w),
      reference: (t) => rmsNormReference(t.x, t.w, null, R, D, 1e-6),
    })
    checkOp({
      rng,
      inputs: { x },
      run: (t) => rmsNorm(t.x, null),
      reference: (t) => rmsNormReference(t.x, null, null, R, D, 1e-6),
    })
  })

  test.each(['f32', 'bf16'] as const)('adds a residual of %s and passes its gradient on', (residualDtype) => {
    checkOp({
      rng: random(4),
      inputs: {
        x: { shape: [4, 19], dtype },
        w: { shape: [19], dtype: 'parameter' },
        residual: { shape: [4, 19], dtype: residualDtype },
      },
      run: ({ x, w, residual }) => rmsNorm(x, w, { residual, outDtype: residualDtype, eps: 0.1 }),
      reference: ({ x, w, residual }) => rmsNormReference(x, w, residual, 4, 19, 0.1),
    })
  })

  test('a residual that is also the input gets both gradients', () => {
    checkOp({
      rng: random(5),
      inputs: { x: { shape: [3, 10], dtype } },
      run: ({ x }) => rmsNorm(x, null, { residual: x }),
      reference: ({ x }) => rmsNormReference(x, null, x, 3, 10, 1e-6),
    })
  })

  test('factors learn where the input wants no gradient, and stay where they want none', () => {
    const w = { shape: [6], dtype: 'parameter' } as const
    checkOp({
      rng: random(6),
      inputs: { x: { shape: [3, 6], dtype, requiresGrad: false }, w },
      run: (t) => rmsNorm(t.x, t.w),
      reference: (t) => rmsNormReference(t.x, t.w, null, 3, 6, 1e-6),
    })
  })
})

test('shapes that do not fit are named with what is needed', () => {
  using _scope = memoryScope()
  const w = new Parameter('norm', [4])
  expect(() => rmsNorm(zeros([2, 3]), w)).toThrow('rmsNorm: w (norm) must be [3], got f32 [4]')
  expect(() => rmsNorm(zeros([2, 4]), w, { residual: zeros([3, 4]) })).toThrow(
    'rmsNorm: residual must be [2, 4], got f32 [3, 4]',
  )
  expect(() => rmsNorm(zeros([4]), w)).toThrow('rmsNorm: x must be [R, D], got f32 [4]')
})
