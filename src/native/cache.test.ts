// Cache kernels against the full-score float64 reference: page sizes, dtypes, keys made of values, queries at an offset,
// windows, splits of the keys, odd widths.
import { describe, expect, it } from 'vitest'
import { attentionForward, expectClose, fromBf16, normalArray, random, toBf16 } from '../testing/index.ts'
import { type CacheDtype, type Compute, kernels, type NumberArray } from './index.ts'

interface Case {
  keys?: number
  time?: number
  heads?: number
  kvHeads?: number
  headDim?: number
  pageTokens?: number
  dtype?: CacheDtype
  compute?: Compute
  window?: number
  valuesOnly?: boolean
  /** Rows written at once. */
  pieces?: number
}

/** Angle of a token in pair i of a head. */
const angle = (token: number, i: number): number => (i % 3 === 2 ? 0 : token * 0.37 ** (i + 1))

/** K = rope(V * w) in float64. */
function turned(v: ArrayLike<number>, w: Float32Array, kvHeads: number): Float64Array {
  const C = w.length
  const half = C / 2
  const k = new Float64Array(v.length)
  for (let row = 0; row < v.length / C; row++) {
    for (let i = 0; i < half; i++) {
      const a = angle(Math.floor(row / kvHeads), i)
      const [x, y] = [v[row * C + i] * w[i], v[row * C + i + half] * w[i + half]]
      k[row * C + i] = x * Math.cos(a) - y * Math.sin(a)
      k[row * C + i + half] = y * Math.cos(a) + x * Math.sin(a)
    }
  }
  return k
}

function angles(tokens: number[], C: number, f: (x: number) => number): Float32Array {
  return Float32Array.from(tokens.flatMap((token) => Array.from({ length: C / 2 }, (_, i) => f(angle(token, i)))))
}

function check(test: Case): void {
  const { keys = 300, time = 5, heads = 6, kvHeads = 2, headDim: C = 16, pageTokens = 32, dtype = 'f32' } = test
  const { compute = dtype === 'f32' ? 'f32' : 'bf16', window = Infinity, valuesOnly = false, pieces = 70 } = test
  const rng = random(keys + 7 * time + C)
  const array = (size: number): NumberArray => {
    const bits = toBf16(normalArray(rng, size))
    return compute === 'bf16' ? bits : fromBf16(bits)
  }
  const floats = (x: NumberArray): Float32Array => (x instanceof Float32Array ? x : fromBf16(x))
  const [k, v, q] = [array(keys * kvHeads * C), array(keys * kvHeads * C), array(time * heads * C)]
  const w = Float32Array.from({ length: C }, () => 0.5 + rng.uniform())

  const vector = { f32: 4 * C, bf16: 2 * C, int8: C + 4 }[dtype]
  const pages = Array.from({ length: Math.ceil(keys / pageTokens) }, () => {
    const page = kernels.allocate((valuesOnly ? 1 : 2) * kvHeads * pageTokens * vector)
    new Uint8Array(page).fill(0xff) // what was never written is NaN, and must not matter
    return page
  })
  const addresses = BigUint64Array.from(pages, (page) => BigInt(kernels.addressOf(new Uint8Array(page))))
  const sizes = [pageTokens, kvHeads, C, dtype, valuesOnly] as const
  for (let at = 0; at < keys; at += pieces) {
    const rows = Math.min(pieces, keys - at)
    const part = (x: NumberArray) => x.subarray(at * kvHeads * C, (at + rows) * kvHeads * C)
    const one = [1, Int32Array.of(0, pages.length), Int32Array.of(0, rows)] as const
    kernels.cacheWrite(addresses, ...sizes, ...one, valuesOnly ? null : part(k), part(v), Int32Array.of(at))
  }
  const last = Int32Array.from({ length: time }, (_, i) => keys - time + i)
  const first = last.map((i) => Math.max(0, i - window + 1))
  const starts = pages.map((_, i) => i * pageTokens)
  const slots = Array.from({ length: pageTokens }, (_, i) => i)
  const o = compute === 'bf16' ? new Uint16Array(q.length) : new Float32Array(q.length)
  const table = (at: number[], f: (x: number) => number) => (valuesOnly ? angles(at, C, f) : null)
  const turn = [
    ...([table(starts, Math.cos), table(starts, Math.sin)] as const),
    ...([table(slots, Math.cos), table(slots, Math.sin)] as const),
  ] as const
  const norm = valuesOnly ? w : null
  const one = [1, Int32Array.of(0, pages.length), Int32Array.of(0, time)] as const
  const origin = Int32Array.of(0)
  kernels.cacheAttention(addresses, ...sizes, ...one, norm, ...turn, origin, q, first, last, heads, 0.3, compute, o)
  for (const page of pages) kernels.release(page)

  // the reference has as many queries as keys: all but the last are zeros that see nothing
  const padded = new Float64Array(keys * heads * C)
  padded.set(floats(q), (keys - time) * heads * C)
  const all = Int32Array.from({ length: keys }, (_, i) => i)
  const want = attentionForward(
    {
      q: padded,
      k: valuesOnly ? turned(floats(v), w, kvHeads) : floats(k),
      v: floats(v),
      first: all.map((i) => Math.max(0, i - window + 1)),
      last: all.map((i) => (i < keys - time ? -1 : i)),
    },
    { batch: 1, time: keys, heads, kvHeads, headDim: C, scale: 0.3, softcap: 0 },
  ).o.subarray((keys - time) * heads * C)
  const tolerance = { f32: 2e-5, bf16: 1.5e-2, int8: 3e-2 }[dtype === 'f32' && compute === 'bf16' ? 'bf16' : dtype]
  const largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
  expectClose(floats(o), want, { rtol: tolerance, atol: tolerance * largest }, JSON.stringify(test))
}

describe('attention over cached pages equals the reference', () => {
  for (const dtype of ['f32', 'bf16', 'int8'] as const) {
    for (const valuesOnly of [false, true]) {
      it(`in ${dtype}${valuesOnly ? ' with keys made of values' : ''}, one query and many`, () => {
        for (const time of [1, 3, 64, 130]) check({ dtype, valuesOnly, time })
      })
    }
    it(`in ${dtype} read in f32`, () => {
      check({ dtype, compute: 'f32', time: 9, valuesOnly: true })
    })
  }

  it('with pages of every size and any number of tokens', () => {
    for (const pageTokens of [32, 64, 128, 256])
      for (const keys of [1, 31, 32, 33, 255, 256, 257, 511]) check({ pageTokens, keys, time: 1, dtype: 'bf16' })
  })

  it('with heads of any width', () => {
    for (const headDim of [2, 8, 30, 64, 72, 128, 512])
      for (const dtype of ['f32', 'bf16', 'int8'] as const)
        check({ headDim, dtype, keys: 70, valuesOnly: headDim > 60 })
  })

  it('with windows, and rows whose window lies behind the first pages', () => {
    for (const window of [1, 8, 100, 290]) {
      for (const time of [1, 40, 200]) check({ window, time, dtype: 'bf16' })
      check({ window, time: 40, dtype: 'f32' })
    }
  })

  it('with the keys cut into splits that are merged', () => {
    for (const dtype of ['f32', 'bf16'] as const) {
      check({ dtype, keys: 4500, time: 1, headDim: 8, pageTokens: 256 })
      check({ dtype, keys: 4500, time: 3, headDim: 8, pageTokens: 256, heads: 2, kvHeads: 1, window: 4400 })
    }
  })

  it('with more rows than one task takes, and key heads of their own', () => {
    check({ keys: 420, time: 400, heads: 3, kvHeads: 1, headDim: 8, dtype: 'bf16' })
    check({ keys: 100, time: 20, heads: 4, kvHeads: 4, dtype: 'f32' })
    check({ keys: 40, time: 20, heads: 400, kvHeads: 1, headDim: 2, dtype: 'f32' })
  })
})

it('stores bytes with the scale of the largest number, and zeros as zeros', () => {
  const page = kernels.allocate(2 * 32 * 8)
  const addresses = BigUint64Array.of(BigInt(kernels.addressOf(new Uint8Array(page))))
  const k = Float32Array.of(1, -2, 0.5, 0)
  const one = [1, Int32Array.of(0, 1), Int32Array.of(0, 1)] as const
  kernels.cacheWrite(addresses, 32, 1, 4, 'int8', false, ...one, k, new Float32Array(4), Int32Array.of(3))
  const bytes = new Int8Array(page)
  expect([...bytes.subarray(12, 16)]).toEqual([64, -127, 32, 0])
  const scales = new Float32Array(page, 2 * 32 * 4)
  expect(scales[3] * 127).toBeCloseTo(2, 6)
  expect([...bytes.subarray(128 + 12, 128 + 16), scales[32 + 3]]).toEqual([0, 0, 0, 0, 0])
  kernels.release(page)
})

it('rows that see no key give 0', () => {
  const page = kernels.allocate(2 * 32 * 8 * 4)
  const addresses = BigUint64Array.of(BigInt(kernels.addressOf(new Uint8Array(page))))
  const o = new Float32Array(16).fill(7)
  const [q, first, last] = [new Float32Array(16).fill(1), Int32Array.of(0, 1), Int32Array.of(-1, 0)]
  kernels.cacheAttention(
    ...([addresses, 32, 1, 8, 'f32', false, 1, Int32Array.of(0, 1), Int32Array.of(0, 2)] as const),
    ...([null, null, null, null, null, Int32Array.of(0), q, first, last, 1, 1, 'f32', o] as const),
  )
  kernels.release(page)
  expect([...o]).toEqual(Array(16).fill(0))
})
