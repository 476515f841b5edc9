// Attention kernels against the full-score float64 reference: masks, grouped heads, head widths, dtypes, odd lengths.
import { describe, expect, it } from 'vitest'
import { type Compute, kernels, type NumberArray } from './index.ts'
import {
  attentionBackward,
  attentionForward,
  type AttentionInputs,
  type AttentionShape,
  expectClose,
  fromBf16,
  normalArray,
  random,
  toBf16,
} from '../testing/index.ts'

type Dtype = 'f32' | 'bf16'
interface Mask {
  first: Int32Array
  last: Int32Array
}
/** first and last of one sequence of the given length; `row` is the number of the sequence in the batch. */
type MaskOf = (time: number, row: number) => Mask

function maskOf(time: number, first: (i: number) => number, last: (i: number) => number): Mask {
  const rows = Array.from({ length: time }, (_, i) => i)
  return { first: Int32Array.from(rows, first), last: Int32Array.from(rows, last) }
}

const causal: MaskOf = (time) =>
  maskOf(
    time,
    () => 0,
    (i) => i,
  )
const window =
  (width: number): MaskOf =>
  (time) =>
    maskOf(
      time,
      (i) => Math.max(0, i - width + 1),
      (i) => i,
    )
/** Documents of 23 rows, shifted in each sequence; causal inside. */
const packed: MaskOf = (time, row) => {
  const start = (i: number): number => Math.max(0, Math.floor((i + 5 * row) / 23) * 23 - 5 * row)
  return maskOf(time, start, (i) => i)
}
/** Blocks of 10 rows that see themselves both ways and all that lies before. */
const blocks: MaskOf = (time) =>
  maskOf(
    time,
    () => 0,
    (i) => Math.min(time - 1, Math.floor(i / 10) * 10 + 9),
  )
/** Queries 7 to 40 see nothing; the others are causal on their side of the gap. */
const holes: MaskOf = (time) =>
  maskOf(
    time,
    (i) => (i < 7 ? 0 : 41),
    (i) => (i >= 7 && i <= 40 ? 6 : i),
  )
const everything: MaskOf = (time) =>
  maskOf(
    time,
    () => 0,
    () => time - 1,
  )

interface Case extends Partial<AttentionShape> {
  mask?: MaskOf
  dtype?: Dtype
  out?: Dtype
  compute?: Compute
  /** Elements by which every array starts off its natural alignment. */
  offset?: number
}

interface Run {
  shape: AttentionShape
  inputs: AttentionInputs
  dO: ArrayLike<number>
  o: NumberArray
  lse: Float32Array
  dq: NumberArray
  dk: NumberArray
  dv: NumberArray
}

const valuesOf = (array: NumberArray): Float32Array => (array instanceof Float32Array ? array : fromBf16(array))

/** Runs both kernels on random inputs, all of which bf16 can hold (so that every instruction set computes on the same). */
function run(test: Case): Run {
  const { batch = 1, time = 65, heads = 2, kvHeads = 1, headDim = 16, softcap = 0, offset = 0 } = test
  const { mask = causal, dtype = 'f32', out = dtype, compute = dtype } = test
  const scale = test.scale ?? headDim ** -0.5
  const shape: AttentionShape = { batch, time, heads, kvHeads, headDim, scale, softcap }
  const rng = random(time * 31 + headDim * 7 + heads)
  const array = (size: number): NumberArray => {
    const bits = toBf16(normalArray(rng, size + offset))
    return (dtype === 'bf16' ? bits : fromBf16(bits)).subarray(offset)
  }
  const result = (size: number): NumberArray =>
    (out === 'bf16' ? new Uint16Array(size + offset).fill(0x7fc0) : new Float32Array(size + offset).fill(NaN)).subarray(
      offset,
    )
  const rows = batch * time
  const [q, dO] = [array(rows * heads * headDim), array(rows * heads * headDim)]
  const [k, v] = [array(rows * kvHeads * headDim), array(rows * kvHeads * headDim)]
  const masks = Array.from({ length: batch }, (_, row) => mask(time, row))
  const first = Int32Array.from(masks.flatMap((m) => [...m.first]))
  const last = Int32Array.from(masks.flatMap((m) => [...m.last]))
  const [o, dq] = [result(q.length), result(q.length)]
  const [dk, dv] = [result(k.length), result(k.length)]
  const lse = new Float32Array(rows * heads).fill(NaN)
  const sizes = [batch, time, heads, kvHeads, headDim, scale, softcap, compute] as const
  kernels.attentionForward(q, k, v, first, last, ...sizes, o, lse)
  kernels.attentionBackward(q, k, v, first, last, ...sizes, o, lse, dO, dq, dk, dv)
  const inputs = { q: valuesOf(q), k: valuesOf(k), v: valuesOf(v), first, last }
  return { shape, inputs, dO: valuesOf(dO), o, lse, dq, dk, dv }
}

const largest = (x: Float64Array): number => x.reduce((a, value) => Math.max(a, Math.abs(value)), 0)

/** bf16 rounds probabilities, score gradients and the saved output to 8 bits: errors are set against the largest entry. */
function tolerance(want: Float64Array, out: Dtype, compute: Compute): { rtol: number; atol: number } {
  const rough = compute === 'bf16' || out === 'bf16'
  return { rtol: rough ? 1.5e-2 : 1e-5, atol: 1e-7 + (rough ? 1.2e-2 : 1e-5) * largest(want) }
}

function check(test: Case): void {
  const { shape, inputs, dO, ...got } = run(test)
  const { dtype = 'f32', out = dtype, compute = dtype } = test
  const want = { ...attentionForward(inputs, shape), ...attentionBackward(inputs, dO, shape) }
  const name = JSON.stringify({ ...test, mask: undefined })
  const close = (what: 'o' | 'dq' | 'dk' | 'dv'): void =>
    expectClose(valuesOf(got[what]), want[what], tolerance(want[what], out, compute), `${what} ${name}`)
  expectClose(got.lse, want.lse, { rtol: 1e-5, atol: 1e-5 }, `lse ${name}`)
  close('o')
  // A saved output rounded to bf16 disturbs dq and dk of rows whose gradient nearly vanishes.
  for (const what of ['dv', 'dq', 'dk'] as const) close(what)
}

describe('attention reference', () => {
  it('has the gradients that finite differences give', () => {
    const shape = { batch: 2, time: 7, heads: 4, kvHeads: 2, headDim: 3, scale: 0.7, softcap: 2 }
    const rng = random(3)
    const numbers = (heads: number): Float64Array => Float64Array.from(normalArray(rng, 2 * 7 * heads * 3))
    const [q, k, v, dO] = [numbers(4), numbers(2), numbers(2), numbers(4)]
    const mask = window(4)(7, 0)
    const [first, last] = [
      [...mask.first, ...mask.first],
      [...mask.last, ...mask.last],
    ]
    const loss = (): number => attentionForward({ q, k, v, first, last }, shape).o.reduce((a, x, i) => a + x * dO[i], 0)
    const { dq, dk, dv } = attentionBackward({ q, k, v, first, last }, dO, shape)
    const step = 1e-5
    for (const [x, dx] of [
      [q, dq],
      [k, dk],
      [v, dv],
    ]) {
      const numeric = x.map((value, i) => {
        x[i] = value + step
        const above = loss()
        x[i] = value - step
        const below = loss()
        x[i] = value
        return (above - below) / (2 * step)
      })
      expectClose(dx, numeric, { rtol: 1e-7, atol: 1e-8 })
    }
  })
})

describe('attention', () => {
  const masks = { causal, window: window(20), packed, blocks, holes, everything }
  for (const [name, mask] of Object.entries(masks))
    for (const dtype of ['f32', 'bf16'] as const)
      it(`equals the reference with the mask '${name}' in ${dtype}`, () => {
        for (const time of [1, 5, 63, 64, 65, 130]) check({ mask, dtype, time, batch: 2 })
      })

  for (const headDim of [1, 8, 40, 64, 72, 128, 512])
    it(`takes heads of width ${headDim}`, () => {
      for (const dtype of ['f32', 'bf16'] as const) check({ headDim, dtype, time: headDim > 128 ? 33 : 70 })
    })

  it('shares key heads among 1, 2, 4 and 6 query heads', () => {
    for (const [heads, kvHeads] of [
      [1, 1],
      [2, 2],
      [4, 2],
      [4, 1],
      [6, 1],
    ])
      // prettier-ignore
      for (const dtype of ['f32', 'bf16'] as const) check({ heads, kvHeads, dtype, batch: 2, mask: window(30) })
  })

  it('stacks more query heads on one key head than a block has rows', () => {
    check({ heads: 70, kvHeads: 1, headDim: 4, time: 6 })
  })

  it('caps scores and differentiates through the cap', () => {
    for (const dtype of ['f32', 'bf16'] as const)
      for (const mask of [causal, packed]) check({ softcap: 3, scale: 1, mask, dtype, time: 70 })
  })

  it('reads, computes and writes in any combination of dtypes', () => {
    for (const dtype of ['f32', 'bf16'] as const)
      for (const out of ['f32', 'bf16'] as const)
        for (const compute of ['f32', 'bf16'] as const) check({ dtype, out, compute, headDim: 24, time: 40 })
  })

  it('takes arrays that start anywhere', () => {
    for (const dtype of ['f32', 'bf16'] as const)
      check({ dtype, offset: 1, batch: 2, heads: 4, kvHeads: 2, headDim: 24 })
  })

  it('cuts long sequences into segments of keys', () => {
    for (const dtype of ['f32', 'bf16'] as const)
      for (const mask of [causal, window(100)]) check({ dtype, mask, time: 1030, heads: 2, headDim: 8 })
  })

  it('stays finite with scores far beyond the range of exp', () => {
    const { o, dq, dk, dv } = run({ scale: 1000, time: 70 })
    for (const x of [o, dq, dk, dv]) expect(x.every(Number.isFinite)).toBe(true)
  })

  it('leaves an empty batch alone', () => {
    const { o } = run({ batch: 0 })
    expect(o).toHaveLength(0)
    expect(run({ time: 0 }).dk).toHaveLength(0)
  })

  it('repeats bit for bit', () => {
    const test: Case = { dtype: 'bf16', time: 600, heads: 4, kvHeads: 2, batch: 2, mask: window(90), headDim: 40 }
    const [a, b] = [run(test), run(test)]
    for (const what of ['o', 'lse', 'dq', 'dk', 'dv'] as const) expect(b[what]).toEqual(a[what])
  })
})
