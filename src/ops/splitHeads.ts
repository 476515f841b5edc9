// From one fused projection to queries, keys and values: cut, norm each head, rotate queries and keys.
//
//   values: 'own'    | q head 0 .. H-1 | k head 0 .. G-1 | v head 0 .. G-1 |      C numbers a head
//   values: 'keys'   | q head 0 .. H-1 | k head 0 .. G-1 |                        v = norm of k before its norm and rotation
//   queryHeads       | q head 0 .. H-1 |                                          keys and values come from another layer
//
// The kernels read and write the slices in place, so the projection stays one product and its gradient one array. Where
// keys and values are one slice (Gemma 4's full layers), their gradients add up in it.
// Shapes: R rows, H query heads, G key/value heads, C head width.
import { kernels, type NumberArray } from '../native/index.ts'
import { addGradient, empty, gradientOf, isRecording, type Parameter, record, type Tensor } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectCount, expectDtype, expectNumbers, expectShape } from './check.ts'

/** What all slices of a projection share. */
interface HeadOptions {
  /** Query heads H. */
  heads: number
  /** Numbers a head, C; even where heads are rotated. */
  headDim: number
  /** Factors [C] of the norm of each query head; null: norm without factors. */
  qNorm: Parameter | null
  /** f32 [positions, C/2] each; pairs are (i, i + C/2). null: no rotation. */
  rope: { cos: Tensor; sin: Tensor } | null
  /** i32 [R]: row of the rope tables for each row. */
  positions: Tensor
  /** Default 1e-6. */
  eps?: number
}

export type QueryHeadsOptions = HeadOptions

export interface SplitHeadsOptions extends HeadOptions {
  /** Key/value heads G, a divisor of H. */
  kvHeads: number
  /** Factors [C] of the norm of each key head; null: norm without factors. */
  kNorm: Parameter | null
  /** Whether value heads are normalised (without factors) or passed on as they are. */
  vNorm: boolean
  /** Where values come from: columns of their own, or those of the keys (vNorm must be set). Default 'own'. */
  values?: 'own' | 'keys'
}

/** A run of heads inside the fused row. */
interface Slice {
  /** First column. */
  offset: number
  heads: number
  weight: Parameter | null
  rotated: boolean
  /** Whether another slice has written the gradient of these columns before: then ours is added. */
  addsUp: boolean
  /** f32 [R, heads], from forward; null: the slice is copied as it is. */
  rstd: Tensor | null
  output: Tensor
}

/**
 * @param qkv f32 or bf16 [R, (H+2G)*C], or [R, (H+G)*C] where values are keys
 * @returns q [R, H*C], k [R, G*C], v [R, G*C], of the dtype of qkv
 */
export function splitHeads(qkv: Tensor, options: SplitHeadsOptions): { q: Tensor; k: Tensor; v: Tensor } {
  const op = 'splitHeads'
  const { heads: H, kvHeads: G, headDim: C, qNorm, kNorm, vNorm, values = 'own' } = options
  expectCount(op, 'kvHeads', G)
  if (values === 'keys' && !vNorm) throw new ShapeError(op, "vNorm must be set where values are 'keys'", 'none')
  const R = check(op, 'qkv', qkv, options, H + (values === 'own' ? 2 : 1) * G)
  if (kNorm) expectShape(op, `kNorm (${kNorm.name})`, kNorm, [C])
  const q = newSlice(qkv, options, { R, first: 0, heads: H, weight: qNorm, rotated: true })
  const k = newSlice(qkv, options, { R, first: H, heads: G, weight: kNorm, rotated: true })
  const v = newSlice(qkv, options, {
    ...{ R, first: values === 'own' ? H + G : H, heads: G, weight: null, rotated: false },
    ...{ norm: vNorm, addsUp: values === 'keys' },
  })
  run(op, qkv, [q, k, v], options)
  return { q: q.output, k: k.output, v: v.output }
}

/**
 * The queries alone.
 *
 * @param x f32 or bf16 [R, H*C]
 * @returns [R, H*C], of the dtype of x
 */
export function queryHeads(x: Tensor, options: QueryHeadsOptions): Tensor {
  const R = check('queryHeads', 'x', x, options, options.heads)
  const slice = newSlice(x, options, { R, first: 0, heads: options.heads, weight: options.qNorm, rotated: true })
  run('queryHeads', x, [slice], options)
  return slice.output
}

function newSlice(
  x: Tensor,
  { headDim }: HeadOptions,
  given: {
    R: number
    first: number
    heads: number
    weight: Parameter | null
    rotated: boolean
    norm?: boolean
    addsUp?: boolean
  },
): Slice {
  const { R, first, heads, weight, rotated, norm = true, addsUp = false } = given
  const rstd = norm ? empty([R, heads]) : null
  const output = empty([R, heads * headDim], { dtype: x.dtype })
  return { offset: first * headDim, heads, weight, rotated, addsUp, rstd, output }
}

/** Fills the slices and records how their gradients come together. */
function run(op: string, x: Tensor, slices: Slice[], options: HeadOptions): void {
  for (const slice of slices) forwardSlice(x, slice, options)
  const saved = slices.flatMap(({ rstd }) => rstd ?? [])
  if (!isRecording(x, ...slices.map(({ weight }) => weight))) {
    for (const tensor of saved) tensor.release()
    return
  }
  record({
    op,
    outputs: slices.map(({ output }) => output),
    saved,
    backward: () => {
      const dx = empty(x.shape, { dtype: x.dtype })
      for (const slice of slices) backwardSlice(x, dx, slice, options)
      if (x.requiresGrad) addGradient(x, dx)
      else dx.release()
    },
  })
}

function forwardSlice(qkv: Tensor, slice: Slice, { headDim, rope, positions, eps = 1e-6 }: HeadOptions): void {
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

/** Writes the gradient of a slice into its columns of dqkv, or adds it where another slice has them too. */
function backwardSlice(qkv: Tensor, dqkv: Tensor, slice: Slice, options: HeadOptions): void {
  const [R, stride] = qkv.shape
  const width = slice.heads * options.headDim
  const columns = dqkv.numbers.subarray(slice.offset)
  if (!slice.addsUp) {
    writeGradients(qkv, slice, { dx: columns, dxStride: stride }, options)
    return
  }
  const own = empty([R, width], { dtype: dqkv.dtype })
  writeGradients(qkv, slice, { dx: own.numbers, dxStride: width }, options)
  for (let r = 0; r < R; r++) {
    const row = columns.subarray(r * stride, r * stride + width)
    kernels.axpby(1, own.numbers.subarray(r * width, (r + 1) * width), 1, row, row, width)
  }
  own.release()
}

/** The gradient of a slice into rows `dxStride` numbers apart. */
function writeGradients(
  qkv: Tensor,
  slice: Slice,
  { dx, dxStride }: { dx: NumberArray; dxStride: number },
  { headDim, rope, positions }: HeadOptions,
): void {
  const [R, stride] = qkv.shape
  const dy: NumberArray = gradientOf(slice.output).numbers
  const width = slice.heads * headDim
  if (!slice.rstd) {
    for (let r = 0; r < R; r++) dx.set(dy.subarray(r * width, (r + 1) * width), r * dxStride)
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
    dxStride,
    slice.weight?.requiresGrad ? slice.weight.gradient().floats : null,
    R,
    slice.heads,
    headDim,
  )
}

/** Checks what slices share, and that x has `total` heads; returns the number of rows. */
function check(op: string, name: string, x: Tensor, options: HeadOptions, total: number): number {
  const { heads, headDim: C, qNorm, rope, positions } = options
  expectCount(op, 'heads', heads)
  expectCount(op, 'headDim', C)
  expectNumbers(op, name, x)
  const [R] = expectShape(op, name, x, ['R', total * C])
  if (qNorm) expectShape(op, `qNorm (${qNorm.name})`, qNorm, [C])
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
