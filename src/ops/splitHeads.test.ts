// Queries, keys and values out of one projection: each slice against norm and rotation written apart.
import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope, Parameter, type Tensor, zeros } from '../tensor/index.ts'
import { checkOp, normalArray, random, rmsNormReference, ropeReference } from '../testing/index.ts'
import { splitHeads, type SplitHeadsOptions } from './index.ts'

interface Sizes {
  R: number
  H: number
  G: number
  C: number
}

function columns(x: Float64Array, { R, from, width }: { R: number; from: number; width: number }): Float64Array {
  const stride = x.length / Math.max(1, R)
  return Float64Array.from({ length: R * width }, (_, i) => x[Math.floor(i / width) * stride + from + (i % width)])
}

const tables = (P: number, C: number) => {
  const angles = normalArray(random(9), P * (C / 2))
  return { cos: Float32Array.from(angles, Math.cos), sin: Float32Array.from(angles, Math.sin) }
}

describe.each(['f32', 'bf16'] as const)('splitHeads of %s', (dtype) => {
  const cases = [
    { R: 3, H: 4, G: 2, C: 6, rotate: true, norms: true, vNorm: true },
    { R: 2, H: 1, G: 1, C: 34, rotate: true, norms: false, vNorm: false },
    { R: 5, H: 3, G: 1, C: 5, rotate: false, norms: true, vNorm: true },
    { R: 0, H: 2, G: 1, C: 4, rotate: true, norms: true, vNorm: true },
  ]
  test.each(cases)('$R rows of $H + 2*$G heads of $C, rotated: $rotate', ({ R, H, G, C, rotate, norms, vNorm }) => {
    const P = 7
    const { cos, sin } = tables(P, rotate ? C : 2)
    const positions = Int32Array.from({ length: R }, (_, r) => (r * 5) % P)
    const parameter = { shape: [C], dtype: 'parameter', requiresGrad: norms } as const
    checkOp({
      rng: random(C),
      inputs: { qkv: { shape: [R, (H + 2 * G) * C], dtype }, qw: parameter, kw: parameter },
      run: ({ qkv, qw, kw }) => {
        const rope = rotate ? { cos: fromArray(cos, [P, C / 2]), sin: fromArray(sin, [P, C / 2]) } : null
        const [qNorm, kNorm] = norms ? [qw, kw] : [null, null]
        const { q, k, v } = splitHeads(qkv, {
          ...{ heads: H, kvHeads: G, headDim: C, qNorm, kNorm, vNorm, rope },
          positions: fromArray(positions, [R], { dtype: 'i32' }),
        })
        return [q, k, v]
      },
      reference: ({ qkv, qw, kw }) => {
        const part = (from: number, heads: number): Float64Array =>
          columns(qkv, { R, from: from * C, width: heads * C })
        const turn = (x: Float64Array, heads: number): Float64Array =>
          rotate ? ropeReference(x, cos, sin, positions, R, heads, C) : x
        const norm = (x: Float64Array, w: Float64Array | null): Float64Array =>
          rmsNormReference(x, w, null, x.length / C, C, 1e-6)
        const q = turn(norm(part(0, H), norms ? qw : null), H)
        const k = turn(norm(part(H, G), norms ? kw : null), G)
        const v = part(H + G, G)
        return Float64Array.from([...q, ...k, ...(vNorm ? norm(v, null) : v)])
      },
    })
  })
})

describe('messages of splitHeads', () => {
  const call =
    (qkv: Tensor, change: Partial<SplitHeadsOptions> & Partial<Sizes> = {}) =>
    () =>
      splitHeads(qkv, {
        ...{ heads: 2, kvHeads: 1, headDim: 4, qNorm: null, kNorm: null, vNorm: true },
        rope: { cos: zeros([3, 2]), sin: zeros([3, 2]) },
        positions: zeros([2], { dtype: 'i32' }),
        ...change,
      })
  test('name the argument and what it must be', () => {
    using _scope = memoryScope()
    const qkv = zeros([2, 16])
    expect(call(zeros([2, 12]))).toThrow('splitHeads: qkv must be [R, 16], got f32 [2, 12]')
    expect(call(qkv, { qNorm: new Parameter('q_norm', [3]) })).toThrow(
      'splitHeads: qNorm (q_norm) must be [4], got f32 [3]',
    )
    expect(call(qkv, { positions: fromArray([0, 3], [2], { dtype: 'i32' }) })).toThrow(
      'splitHeads: positions must be in [0, 3), the rows of rope.cos, got 3',
    )
    expect(call(qkv, { rope: { cos: zeros([3, 4]), sin: zeros([3, 2]) } })).toThrow(
      'splitHeads: rope.cos must be [positions, 2], got f32 [3, 4]',
    )
  })
})
