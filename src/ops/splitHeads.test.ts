// Queries, keys and values out of one projection: each slice against norm and rotation written apart.
import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope, Parameter, type Tensor, zeros } from '../tensor/index.ts'
import { checkOp, normalArray, random, rmsNormReference, ropeReference } from '../testing/index.ts'
import { queryHeads, splitHeads, type SplitHeadsOptions } from './index.ts'

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

describe.each(['f32', 'bf16'] as const)('keys that are values too, of %s', (dtype) => {
  test.each([
    { R: 3, H: 4, G: 2, C: 6 },
    { R: 2, H: 2, G: 1, C: 34 },
  ])('$R rows of $H + $G heads of $C: values are the norm of the raw keys, and both gradients reach them', (sizes) => {
    const { R, H, G, C } = sizes
    const P = 5
    const { cos, sin } = tables(P, C)
    const positions = Int32Array.from({ length: R }, (_, r) => (r * 3) % P)
    const parameter = { shape: [C], dtype: 'parameter' } as const
    checkOp({
      rng: random(C + 1),
      inputs: { qk: { shape: [R, (H + G) * C], dtype }, qNorm: parameter, kNorm: parameter },
      run: ({ qk, qNorm, kNorm }) => {
        const { q, k, v } = splitHeads(qk, {
          ...{ heads: H, kvHeads: G, headDim: C, qNorm, kNorm, vNorm: true, values: 'keys' },
          rope: { cos: fromArray(cos, [P, C / 2]), sin: fromArray(sin, [P, C / 2]) },
          positions: fromArray(positions, [R], { dtype: 'i32' }),
        })
        return [q, k, v]
      },
      reference: ({ qk, qNorm, kNorm }) => {
        const norm = (x: Float64Array, w: Float64Array | null): Float64Array =>
          rmsNormReference(x, w, null, x.length / C, C, 1e-6)
        const raw = columns(qk, { R, from: H * C, width: G * C })
        const q = norm(columns(qk, { R, from: 0, width: H * C }), qNorm)
        return Float64Array.from([
          ...ropeReference(q, cos, sin, positions, R, H, C),
          ...ropeReference(norm(raw, kNorm), cos, sin, positions, R, G, C),
          ...norm(raw, null),
        ])
      },
    })
  })
})

test('queryHeads gives the queries that splitHeads cuts out', () => {
  using _scope = memoryScope()
  const { cos, sin } = tables(3, 4)
  const rope = { cos: fromArray(cos, [3, 2]), sin: fromArray(sin, [3, 2]) }
  const positions = fromArray([2, 1], [2], { dtype: 'i32' })
  const common = { heads: 2, headDim: 4, qNorm: null, rope, positions }
  const qkv = fromArray(normalArray(random(4), 32), [2, 16])
  const alone = fromArray(columns(Float64Array.from(qkv.floats), { R: 2, from: 0, width: 8 }), [2, 8])
  const { q } = splitHeads(qkv, { ...common, kvHeads: 1, kNorm: null, vNorm: true })
  expect(queryHeads(alone, common).floats).toEqual(q.floats)
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
