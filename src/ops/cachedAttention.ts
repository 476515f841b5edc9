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
import { concatIds, ShapeError } from '../util/index.ts'
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

/** Rows that become tokens of a sequence: `rows` of them, as tokens `at`, `at + 1`, ... of the pages. */
export interface WrittenSequence {
  pages: KeyValuePages
  rows: number
  at: number
}

/**
 * Writes rows of k and v into the pages of their sequences.
 *
 * @param k f32 or bf16 [R, G*C], normed and turned; not read where values alone are kept
 * @param v [R, G*C]
 * @param sequences of one layer, whose rows together are the R rows, in order
 */
export function writeKeyValues({ k, v }: { k: Tensor; v: Tensor }, sequences: readonly WrittenSequence[]): void {
  const op = 'writeKeyValues'
  if (sequences.length === 0) return
  const { kvHeads, headDim } = sequences[0].pages
  const batch = batchOf(
    op,
    sequences.map(({ pages }) => pages),
    sequences.map(({ rows }) => rows),
  )
  for (const [name, tensor] of [
    ['k', k],
    ['v', v],
  ] as const) {
    expectNumbers(op, name, tensor)
    expectShape(op, name, tensor, [batch.rows, kvHeads * headDim])
  }
  for (const { pages, rows, at } of sequences) {
    expectCount(op, 'at', at, 0)
    expectCount(op, 'tokens that fit the pages', pages.addresses.length * pages.pageTokens, at + rows)
  }
  const at = Int32Array.from(sequences, (sequence) => sequence.at)
  kernels.cacheWrite(...batch.head, batch.valuesOnly ? null : k.numbers, v.numbers, at)
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
export function cachedAttention(
  q: Tensor,
  sequences: readonly CachedSequence[],
  options: CachedAttentionOptions,
): Tensor {
  const op = 'cachedAttention'
  const { heads, scale, keyNorm } = options
  const compute = expectNumbers(op, 'q', q)
  if (isRecording(q)) throw new ShapeError(op, 'must run outside of a tape (it has no gradient)', 'a tape')
  const o = empty(q.shape, { dtype: q.dtype })
  if (sequences.length === 0) return o
  const batch = batchOf(
    op,
    sequences.map(({ pages }) => pages),
    sequences.map(({ first }) => first.length),
  )
  const { kvHeads, headDim } = sequences[0].pages
  expectShape(op, 'q', q, [batch.rows, heads * headDim])
  if (heads % kvHeads !== 0) throw new ShapeError(op, `heads must be a multiple of kvHeads = ${kvHeads}`, heads)
  for (const { pages, first, last } of sequences) {
    checkRange(op, { first, last, tokens: pages.addresses.length * pages.pageTokens })
  }
  if (batch.valuesOnly) {
    if (!keyNorm) throw new ShapeError(op, 'keyNorm must be given where values alone are kept', 'none')
    expectShape(op, 'keyNorm', keyNorm, [headDim])
  }
  kernels.cacheAttention(
    ...batch.head,
    ...([batch.valuesOnly && keyNorm ? keyNorm.data : null, ...batch.angles, batch.origins, q.numbers] as const),
    ...([joined(sequences.map(({ first }) => first)), joined(sequences.map(({ last }) => last))] as const),
    ...([heads, scale, compute, o.numbers] as const),
  )
  return o
}

/** Pages of several sequences as kernels take them: their tables one behind another. */
function batchOf(op: string, all: readonly KeyValuePages[], rows: readonly number[]) {
  const { pageTokens, kvHeads, headDim, dtype, turn } = all[0]
  for (const pages of all) {
    checkPages(op, pages)
    const isAlike =
      pages.pageTokens === pageTokens &&
      pages.kvHeads === kvHeads &&
      pages.headDim === headDim &&
      pages.dtype === dtype &&
      (pages.turn === null) === (turn === null)
    if (!isAlike) throw new ShapeError(op, 'pages of all sequences must be of one layer', 'others')
  }
  const addresses = joinedPages(all.map((pages) => pages.addresses))
  const pageStarts = startsOf(all.map((pages) => pages.addresses.length))
  const rowStarts = startsOf(rows)
  // tables of angles may be longer than their pages
  const table = (part: 'pageCos' | 'pageSin'): Float32Array | null =>
    turn && joinedFloats(all.map((pages) => pages.turn![part].subarray(0, (pages.addresses.length * headDim) / 2)))
  return {
    head: [addresses, pageTokens, kvHeads, headDim, dtype, turn !== null, all.length, pageStarts, rowStarts] as const,
    angles: [table('pageCos'), table('pageSin'), turn?.slotCos ?? null, turn?.slotSin ?? null] as const,
    origins: Int32Array.from(all, ({ origin }) => origin),
    valuesOnly: turn !== null,
    rows: rowStarts[rows.length],
  }
}

/** Where each of some lengths begins when they lie one behind another, and where the last ends. */
function startsOf(lengths: readonly number[]): Int32Array {
  const starts = new Int32Array(lengths.length + 1)
  lengths.forEach((length, i) => (starts[i + 1] = starts[i] + length))
  return starts
}

function joined(arrays: readonly Int32Array[]): Int32Array {
  return arrays.length === 1 ? arrays[0] : concatIds(arrays)
}

function joinedPages(arrays: readonly BigUint64Array[]): BigUint64Array {
  if (arrays.length === 1) return arrays[0]
  const starts = startsOf(arrays.map(({ length }) => length))
  const all = new BigUint64Array(starts[arrays.length])
  arrays.forEach((array, i) => {
    all.set(array, starts[i])
  })
  return all
}

function joinedFloats(arrays: readonly Float32Array[]): Float32Array {
  if (arrays.length === 1) return arrays[0]
  const starts = startsOf(arrays.map(({ length }) => length))
  const all = new Float32Array(starts[arrays.length])
  arrays.forEach((array, i) => {
    all.set(array, starts[i])
  })
  return all
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

function checkRange(op: string, range: { first: Int32Array; last: Int32Array; tokens: number }): void {
  const { first, last, tokens } = range
  const time = first.length
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
