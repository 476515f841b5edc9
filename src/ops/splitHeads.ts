// From one fused projection to queries, keys and values: cut, norm each head, rotate queries and keys.
//
//   qkv row:  | q head 0 .. H-1 | k head 0 .. G-1 | v head 0 .. G-1 |      C numbers a head
//
// The kernels read and write the three slices in place, so the projection stays one product and its gradient
// one array. Shapes: R rows, H query heads, G key/value heads, C head width.
import { kernels, type NumberArray } from '../native/index.ts'
import { addGradient, empty, gradientOf, isRecording, type Parameter, record, type Tensor } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectCount, expectDtype, expectNumbers, expectShape } from './check.ts'

export interface SplitHeadsOptions {
  /** Query heads H, and key/value heads G, a divisor of H. */
  heads: number
  kvHeads: number
  /** Numbers a head, C; even where heads are rotated. */
  headDim: number
  /** Factors [C] of the norm of each query and key head; null: norm without factors. */
  qNorm: Parameter | null
  kNorm: Parameter | null
  /** Whether value heads are normalised (without factors) or passed on as they are. */
  vNorm: boolean
  /** f32 [positions, C/2] each; pairs are (i, i + C/2). null: no rotation. */
  rope: { cos: Tensor; sin: Tensor } | null
  /** i32 [R]: row of the rope tables for each row. */
  positions: Tensor
  /** Default 1e-6. */
  eps?: number
}

/** A run of heads inside the fused row. */
interface Slice {
  /** First column. */
  offset: number
  heads: number
  weight: Parameter | null
  rotated: boolean
  /** f32 [R, heads], from forward; null: the slice is copied as it is. */
  rstd: Tensor | null
  output: Tensor
}

/**
 * @param qkv f32 or bf16 [R, (H+2G)*C]
 * @returns q [R, H*C], k [R, G*C], v [R, G*C], of the dtype of qkv
 */
export function splitHeads(qkv: Tensor, options: SplitHeadsOptions): { q: Tensor; k: Tensor; v: Tensor } {
  const { heads: H, kvHeads: G, headDim: C, qNorm, kNorm, vNorm } = options
  const R = check(qkv, options)
  const slice = (
    offset: number,
    heads: number,
    rest: { weight: Parameter | null; rotated: boolean; norm: boolean },
  ) => ({
    offset: offset * C,
    heads,
    weight: rest.weight,
    rotated: rest.rotated,
    rstd: rest.norm ? empty([R, heads]) : null,
    output: empty([R, heads * C], { dtype: qkv.dtype }),
  })
  const q = slice(0, H, { weight: qNorm, rotated: true, norm: true })
  const k = slice(H, G, { weight: kNorm, rotated: true, norm: true })
  const v = slice(H + G, G, { weight: null, rotated: false, norm: vNorm })
  const slices: Slice[] = [q, k, v]
  for (const each of slices) forwardSlice(qkv, each, options)
  const saved = slices.flatMap(({ rstd }) => rstd ?? [])
  if (isRecording(qkv, qNorm, kNorm)) {
    record({
      op: 'splitHeads',
      outputs: [q.output, k.output, v.output],
      saved,
      backward: () => {
        const dqkv = empty(qkv.shape, { dtype: qkv.dtype })
        for (const each of slices) backwardSlice(qkv, dqkv, each, options)
        if (qkv.requiresGrad) addGradient(qkv, dqkv)
        else dqkv.release()
      },
    })
  } else {
    for (const tensor of saved) tensor.release()
  }
  return { q: q.output, k: k.output, v: v.output }
}

function forwardSlice(qkv: Tensor, slice: Slice, { headDim, rope, positions, eps = 1e-6 }: SplitHeadsOptions): void {
  const [R, stride] = qkv.shape
  const x = qkv.numbers.subarray(slice.offset)
  const y = slice.output.numbers
  const width = slice.heads * headDim
  if (!slice.rstd) {
    for (let r = 0; r < R; r++) y.set(x.subarray(r * stride, r * stride + width), r * width)
    return
  }
  const turn = slice.rotated ? rope : null
  kernels.headNormRopeForward(
    x,
    stride,
    slice.weight?.numbers ?? null,
    turn?.cos.floats ?? null,
    turn?.sin.floats ?? null,
    turn ? positions.ints : null,
    y,
    slice.rstd.floats,
    R,
    slice.heads,
    headDim,
    eps,
  )
}

function backwardSlice(qkv: Tensor, dqkv: Tensor, slice: Slice, { headDim, rope, positions }: SplitHeadsOptions): void {
  const [R, stride] = qkv.shape
  const dx = dqkv.numbers.subarray(slice.offset)
  const dy: NumberArray = gradientOf(slice.output).numbers
  const width = slice.heads * headDim
  if (!slice.rstd) {
    for (let r = 0; r < R; r++) dx.set(dy.subarray(r * width, (r + 1) * width), r * stride)
    return
  }
  const turn = slice.rotated ? rope : null
  kernels.headNormRopeBackward(
    dy,
    qkv.numbers.subarray(slice.offset),
    stride,
    slice.weight?.numbers ?? null,
    turn?.cos.floats ?? null,
    turn?.sin.floats ?? null,
    turn ? positions.ints : null,
    slice.rstd.floats,
    dx,
    stride,
    slice.weight?.requiresGrad ? slice.weight.gradient().floats : null,
    R,
    slice.heads,
    headDim,
  )
}

/** Returns the number of rows. */
function check(qkv: Tensor, options: SplitHeadsOptions): number {
  const op = 'splitHeads'
  const { heads: H, kvHeads: G, headDim: C, qNorm, kNorm, rope, positions } = options
  expectCount(op, 'heads', H)
  expectCount(op, 'kvHeads', G)
  expectCount(op, 'headDim', C)
  expectNumbers(op, 'qkv', qkv)
  const [R] = expectShape(op, 'qkv', qkv, ['R', (H + 2 * G) * C])
  if (qNorm) expectShape(op, `qNorm (${qNorm.name})`, qNorm, [C])
  if (kNorm) expectShape(op, `kNorm (${kNorm.name})`, kNorm, [C])
  if (!rope) return R
  if (C % 2 !== 0) throw new ShapeError(op, 'headDim must be even to be rotated', C)
  const [P] = expectShape(op, 'rope.cos', rope.cos, ['positions', C / 2])
  expectShape(op, 'rope.sin', rope.sin, [P, C / 2])
  expectDtype(op, 'positions', positions, ['i32'])
  expectShape(op, 'positions', positions, [R])
  const outside = positions.ints.find((position) => position < 0 || position >= P)
  if (outside !== undefined) throw new ShapeError(op, `positions must be in [0, ${P}), the rows of rope.cos`, outside)
  return R
}
