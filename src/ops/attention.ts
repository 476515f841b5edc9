// Attention in which row i of a sequence sees the keys first[i] .. last[i], never the whole score matrix.
//
//   o_i = sum_j softmax_j(scale q_i.k_j) v_j      over the keys that i sees; a row that sees none gives 0
//
//          keys                  Ranges are enough for: causal (last = i), a sliding window (first = i-W+1),
//   rows   # . . . . .           documents packed into one sequence (first = start of the document), and
//          # # . . . .           blocks that see themselves both ways, as an image does (last = end of block).
//          . # # . . .           Query head h reads key head floor(h G / H) (grouped queries). Backward keeps
//          . . # # # .           the result and one log-sum-exp a row and head and computes the scores again.
//
// Dao et al. 2022 (FlashAttention, 2205.14135); Ainslie et al. 2023 (grouped queries, 2305.13245).
// Shapes: B batch, T time, R = B*T rows, H query heads, G key/value heads, C head width.
import { type Compute, kernels } from '../native/index.ts'
import { addGradient, empty, gradientOf, isRecording, record, type Tensor } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import type { AttentionMask } from './attentionMask.ts'
import { expectCount, expectDtype, expectNumbers, expectShape } from './check.ts'

export interface AttentionOptions {
  batch: number
  time: number
  /** Query heads H, and key/value heads G, a divisor of H. */
  heads: number
  kvHeads: number
  /** Numbers a head, C. */
  headDim: number
  /** Factor on q.k. Default 1: queries and keys are normalised. */
  scale?: number
  /** s > 0: scores become s * tanh(score / s). Default 0: none. */
  softcap?: number
  /** Arithmetic of the products. Default the dtype of q. */
  compute?: Compute
}

/**
 * @param q [R, H*C], f32 or bf16
 * @param k [R, G*C]; v likewise; of the dtype of q
 * @returns [R, H*C], of the dtype of q
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, mask: AttentionMask, options: AttentionOptions): Tensor {
  const { batch, time, heads, kvHeads, headDim, scale = 1, softcap = 0 } = options
  check({ q, k, v, mask, options })
  const compute = options.compute ?? (q.dtype as Compute)
  const common = [batch, time, heads, kvHeads, headDim, scale, softcap, compute] as const
  const o = empty(q.shape, { dtype: q.dtype })
  const recording = isRecording(q, k, v)
  const lse = recording ? empty([batch, heads, time]) : null
  const { first, last } = mask
  kernels.attentionForward(
    q.numbers,
    k.numbers,
    v.numbers,
    first.ints,
    last.ints,
    ...common,
    o.numbers,
    lse?.floats ?? null,
  )
  if (!lse) return o
  record({
    op: 'attention',
    outputs: [o],
    saved: [lse],
    backward: () => {
      const inputs = [q, k, v]
      const [dq, dk, dv] = inputs.map(({ shape, dtype }) => empty(shape, { dtype }))
      kernels.attentionBackward(
        q.numbers,
        k.numbers,
        v.numbers,
        first.ints,
        last.ints,
        ...common,
        o.numbers,
        lse.floats,
        gradientOf(o).numbers,
        dq.numbers,
        dk.numbers,
        dv.numbers,
      )
      ;[dq, dk, dv].forEach((gradient, i) => {
        if (inputs[i].requiresGrad) addGradient(inputs[i], gradient)
        else gradient.release()
      })
    },
  })
  return o
}

function check(call: { q: Tensor; k: Tensor; v: Tensor; mask: AttentionMask; options: AttentionOptions }): void {
  const op = 'attention'
  const { q, k, v, mask, options } = call
  const { batch, time, heads, kvHeads, headDim } = options
  expectCount(op, 'batch', batch, 0)
  expectCount(op, 'time', time, 0)
  expectCount(op, 'kvHeads', kvHeads)
  expectCount(op, 'headDim', headDim)
  if (heads < 1 || heads % kvHeads !== 0)
    throw new ShapeError(op, `heads must be a multiple of kvHeads = ${kvHeads}`, heads)
  const R = batch * time
  const dtype = expectNumbers(op, 'q', q)
  expectShape(op, 'q', q, [R, heads * headDim])
  for (const [name, tensor] of [
    ['k', k],
    ['v', v],
  ] as const) {
    expectShape(op, name, tensor, [R, kvHeads * headDim])
    expectDtype(op, name, tensor, [dtype])
  }
  for (const [name, tensor] of [
    ['mask.first', mask.first],
    ['mask.last', mask.last],
  ] as const) {
    expectDtype(op, name, tensor, ['i32'])
    expectShape(op, name, tensor, [R])
  }
}
