// Keys and values that lie in pages, written row by row and attended to by later rows: the arithmetic of a key-value cache.
//
// A page holds a run of tokens of one layer: [K, V][head][token][C] numbers in f32, bf16, or int8 with one scale a token
// and head. Where values are the raw keys (Gemma 4's full layers) only V is kept. A stored key is normed with factors and
// turned, its value is the same vector normed without: rather than undo rotation and factors, which loses bits, V is kept
// and the kernel makes K = rope(V * w) when it reads. Both norms divide by the same rms, so this is exact, and it costs
// nothing where hundreds of queries share a block. Who owns pages is not decided here (src/inference/cache.ts).
// For inference: nothing is recorded. Shapes: R rows (batch*time), H query heads, G key/value heads, C head width.
import { type CacheDtype, kernels } from '../native/index.ts'
import { empty, isRecording, type Parameter, type Tensor } from '../tensor/index.ts'
import { ShapeError } from '../util/index.ts'
import { expectCount, expectNumbers, expectShape } from './check.ts'

/** Tokens a page may hold. */
export const pageSizes = [32, 64, 128, 256] as const

/** Pages of one layer of one sequence; tokens are counted from the first of pages[0]. */
export interface KeyValuePages {
  /** Address of each page; the memory must outlive the call. */
  addresses: BigUint64Array
  /** One of `pageSizes`. */
  pageTokens: number
  kvHeads: number
  headDim: number
  dtype: CacheDtype
  /** Place in its sequence of the first token of pages[0], a multiple of pageTokens: results do not depend on it, to the bit. */
  origin: number
  /** Where values alone are kept: angles of each page's first token [pages, C/2] and of the places in a page. */
  turn: { pageCos: Float32Array; pageSin: Float32Array; slotCos: Float32Array; slotSin: Float32Array } | null
}

/** Bytes of a page: the numbers, then the scales of int8. */
export function pageBytes(
  pages: Omit<KeyValuePages, 'addresses' | 'turn' | 'origin'> & { valuesOnly: boolean },
): number {
  const { pageTokens, kvHeads, headDim, dtype, valuesOnly } = pages
  return (valuesOnly ? 1 : 2) * kvHeads * pageTokens * vectorBytes(dtype, headDim)
}

/** Bytes of a key or value of one token and head. */
export function vectorBytes(dtype: CacheDtype, headDim: number): number {
  return { f32: 4 * headDim, bf16: 2 * headDim, int8: headDim + 4 }[dtype]
}

/**
 * Writes rows `from` .. `from + rows` of k and v as tokens `at`, `at + 1`, ... of the pages.
 *
 * @param k f32 or bf16 [R, G*C], normed and turned; not read where values alone are kept
 * @param v [R, G*C]
 */
export function writeKeyValues(
  pages: KeyValuePages,
  { k, v }: { k: Tensor; v: Tensor },
  { from, rows, at }: { from: number; rows: number; at: number },
): void {
  const op = 'writeKeyValues'
  const { addresses, pageTokens, kvHeads, headDim, dtype, turn } = pages
  checkPages(op, pages)
  const width = kvHeads * headDim
  for (const [name, tensor] of [
    ['k', k],
    ['v', v],
  ] as const) {
    expectNumbers(op, name, tensor)
    expectShape(op, name, tensor, ['R', width])
    expectCount(op, `rows of ${name}`, tensor.shape[0], from + rows)
  }
  expectCount(op, 'at', at, 0)
  expectCount(op, 'tokens that fit the pages', addresses.length * pageTokens, at + rows)
  const part = (x: Tensor) => x.numbers.subarray(from * width, (from + rows) * width)
  const sizes = [pageTokens, kvHeads, headDim, dtype] as const
  kernels.cacheWrite(addresses, ...sizes, turn !== null, turn ? null : part(k), part(v), at, rows)
}

/** A sequence of the batch: its pages, and the first and last token that each of its rows (any number) sees. */
export interface CachedSequence {
  pages: KeyValuePages
  /** [rows] each, not decreasing; tokens counted as in the pages. */
  first: Int32Array
  last: Int32Array
}

export interface CachedAttentionOptions {
  heads: number
  /** Factor on q.k. */
  scale: number
  /** Factors [C] of the norm of keys: needed where values alone are kept. */
  keyNorm: Parameter | null
}

/**
 * A row's result has the same bits whichever rows are computed with it, and wherever its pages begin.
 *
 * @param q [R, H*C], f32 or bf16: the dtype is the arithmetic too
 * @param sequences whose rows together are the rows of q, in order
 * @returns [R, H*C], of the dtype of q
 */
export function cachedAttention(q: Tensor, sequences: CachedSequence[], options: CachedAttentionOptions): Tensor {
  const op = 'cachedAttention'
  const { heads, scale, keyNorm } = options
  const compute = expectNumbers(op, 'q', q)
  if (isRecording(q)) throw new ShapeError(op, 'must run outside of a tape (it has no gradient)', 'a tape')
  const o = empty(q.shape, { dtype: q.dtype })
  const total = sequences.reduce((sum, { first }) => sum + first.length, 0)
  let from = 0
  for (const { pages, first, last } of sequences) {
    const { addresses, pageTokens, kvHeads, headDim, dtype, turn, origin } = pages
    checkPages(op, pages)
    const time = first.length
    const width = heads * headDim
    expectShape(op, 'q', q, [total, width])
    if (heads % kvHeads !== 0) throw new ShapeError(op, `heads must be a multiple of kvHeads = ${kvHeads}`, heads)
    checkRange(op, { first, last, time, tokens: addresses.length * pageTokens })
    if (turn) {
      if (!keyNorm) throw new ShapeError(op, 'keyNorm must be given where values alone are kept', 'none')
      expectShape(op, 'keyNorm', keyNorm, [headDim])
    }
    const rows = (x: Tensor) => x.numbers.subarray(from * width, (from + time) * width)
    kernels.cacheAttention(
      ...([addresses, pageTokens, kvHeads, headDim, dtype, turn !== null] as const),
      ...([turn && keyNorm ? keyNorm.data : null, turn?.pageCos ?? null, turn?.pageSin ?? null] as const),
      ...([turn?.slotCos ?? null, turn?.slotSin ?? null, origin] as const),
      ...([rows(q), first, last, time, heads, scale, compute, rows(o)] as const),
    )
    from += time
  }
  return o
}

function checkPages(op: string, { addresses, pageTokens, kvHeads, headDim, turn, origin }: KeyValuePages): void {
  if (!(pageSizes as readonly number[]).includes(pageTokens)) {
    throw new ShapeError(op, `pageTokens must be one of ${pageSizes.join(', ')}`, pageTokens)
  }
  expectCount(op, 'kvHeads', kvHeads)
  expectCount(op, 'headDim', headDim)
  expectCount(op, 'origin in pages', origin / pageTokens, 0)
  if (!turn) return
  for (const table of [turn.pageCos, turn.pageSin]) {
    expectCount(op, 'angles of pages', table.length, (addresses.length * headDim) / 2)
  }
  for (const table of [turn.slotCos, turn.slotSin]) {
    expectCount(op, 'angles of places', table.length, (pageTokens * headDim) / 2)
  }
}

function checkRange(op: string, range: { first: Int32Array; last: Int32Array; time: number; tokens: number }): void {
  const { first, last, time, tokens } = range
  if (last.length !== time) {
    throw new ShapeError(op, `first and last must have as many entries (${time})`, last.length)
  }
  for (let i = 0; i < time; i++) {
    const decreases = i > 0 && (first[i] < first[i - 1] || last[i] < last[i - 1])
    if (decreases || first[i] < 0 || last[i] >= tokens) {
      const rule = `ranges must not decrease and lie in the ${tokens} tokens of the pages (row ${i})`
      throw new ShapeError(op, rule, `[${first[i]}, ${last[i]}]`)
    }
  }
}
