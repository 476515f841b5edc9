// The whole boundary between TypeScript and the C++ addon, typed in one file.
//
// The addon is loaded once per process. Array arguments: Float32Array is f32, Uint16Array is bf16; `null`
// leaves an optional array out. The kernels trust sizes: ops check shapes before they call. What each
// function computes is written in native/kernels/kernels.h, whose names these are in camelCase.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { TokenizerKernels } from './tokenizer.ts'

/** Data as kernels take it: f32, or bf16 bits. */
export type NumberArray = Float32Array | Uint16Array
/** Arithmetic of a product: bf16 inputs with f32 sums, or f32 throughout. */
export type Compute = 'f32' | 'bf16'
/** How a key-value cache keeps numbers. */
export type CacheDtype = 'f32' | 'bf16' | 'int8'
type MaybeNumbers = NumberArray | null
type MaybeFloats = Float32Array | null
type MaybeInts = Int32Array | null
type MaybeBytes = Uint8Array | null

/** Every function of the addon. */
export interface Kernels extends TokenizerKernels {
  /** Instruction set in force: scalar, avx2, avx512, avx512bf16, amx, amxemu or neon. */
  readonly isa: string
  /** Comma-separated list of those this CPU can run, best first. */
  readonly supportedIsas: string
  /** Threads of the pool, the calling one included. */
  readonly threads: number
  /** Zeroed memory, 64-byte aligned. */
  allocate(bytes: number): ArrayBuffer
  /** Frees memory from allocate at once; every view of it then has length 0. */
  release(buffer: ArrayBuffer): void
  /** Hands freed memory back to the system, where the allocator would keep it. Takes about a millisecond. */
  trim(): void

  gemmPackedBytes(compute: Compute, k: number, n: number): number
  gemmPack(
    src: NumberArray,
    transposed: boolean,
    k: number,
    n: number,
    batch: number,
    compute: Compute,
    packed: Uint8Array,
  ): void
  gemm(
    a: NumberArray,
    b: MaybeNumbers,
    packed: MaybeBytes,
    c: NumberArray,
    m: number,
    n: number,
    k: number,
    lda: number,
    ldb: number,
    ldc: number,
    batch: number,
    strideA: number,
    strideB: number,
    strideC: number,
    aTransposed: boolean,
    bTransposed: boolean,
    accumulate: boolean,
    compute: Compute,
    alpha: number,
  ): void
  groupedGemm(
    a: NumberArray,
    aIndex: MaybeInts,
    b: MaybeNumbers,
    packed: MaybeBytes,
    c: NumberArray,
    cIndex: MaybeInts,
    offsets: Int32Array,
    groups: number,
    n: number,
    k: number,
    bTransposed: boolean,
    accumulate: boolean,
    compute: Compute,
  ): void
  groupedOuter(
    a: NumberArray,
    aIndex: MaybeInts,
    b: NumberArray,
    bIndex: MaybeInts,
    c: NumberArray,
    offsets: Int32Array,
    groups: number,
    m: number,
    n: number,
    accumulate: boolean,
    compute: Compute,
  ): void

  /** `bits`: 8 or 4. */
  quantisedBytes(bits: number, k: number, n: number): number
  quantisedPack(src: NumberArray, n: number, k: number, batch: number, bits: number, packed: Uint8Array): void
  quantisedGemm(
    a: NumberArray,
    aRows: number,
    aIndex: MaybeInts,
    packed: Uint8Array,
    c: NumberArray,
    offsets: MaybeInts,
    rows: number,
    groups: number,
    n: number,
    k: number,
    bits: number,
  ): void

  attentionForward(
    q: NumberArray,
    k: NumberArray,
    v: NumberArray,
    first: Int32Array,
    last: Int32Array,
    batch: number,
    time: number,
    heads: number,
    kvHeads: number,
    headDim: number,
    scale: number,
    softcap: number,
    compute: Compute,
    o: NumberArray,
    lse: MaybeFloats,
  ): void
  attentionBackward(
    q: NumberArray,
    k: NumberArray,
    v: NumberArray,
    first: Int32Array,
    last: Int32Array,
    batch: number,
    time: number,
    heads: number,
    kvHeads: number,
    headDim: number,
    scale: number,
    softcap: number,
    compute: Compute,
    o: NumberArray,
    lse: Float32Array,
    dO: NumberArray,
    dq: NumberArray,
    dk: NumberArray,
    dv: NumberArray,
  ): void

  /** Address of the first byte, below 2^53: for tables of pages. The memory must outlive its use. */
  addressOf(bytes: Uint8Array): number
  /** Sequence s has pages pageStarts[s] .. pageStarts[s + 1] of the tables and rows rowStarts[s] .. of the arrays. */
  cacheWrite(
    pages: BigUint64Array,
    pageTokens: number,
    kvHeads: number,
    headDim: number,
    dtype: CacheDtype,
    valuesOnly: boolean,
    sequences: number,
    pageStarts: Int32Array,
    rowStarts: Int32Array,
    k: MaybeNumbers,
    v: NumberArray,
    at: Int32Array,
  ): void
  cacheAttention(
    pages: BigUint64Array,
    pageTokens: number,
    kvHeads: number,
    headDim: number,
    dtype: CacheDtype,
    valuesOnly: boolean,
    sequences: number,
    pageStarts: Int32Array,
    rowStarts: Int32Array,
    keyNorm: MaybeNumbers,
    pageCos: MaybeFloats,
    pageSin: MaybeFloats,
    slotCos: MaybeFloats,
    slotSin: MaybeFloats,
    origins: Int32Array,
    q: NumberArray,
    first: Int32Array,
    last: Int32Array,
    heads: number,
    scale: number,
    compute: Compute,
    o: NumberArray,
  ): void

  rmsnormForward(
    x: NumberArray,
    w: MaybeNumbers,
    residual: MaybeNumbers,
    y: NumberArray,
    rstd: MaybeFloats,
    rows: number,
    dim: number,
    eps: number,
  ): void
  rmsnormBackward(
    dy: NumberArray,
    x: NumberArray,
    w: MaybeNumbers,
    rstd: Float32Array,
    dx: NumberArray,
    accumulateDx: boolean,
    dw: MaybeFloats,
    rows: number,
    dim: number,
  ): void
  headNormRopeForward(
    x: NumberArray,
    xStride: number,
    w: MaybeNumbers,
    cos: MaybeFloats,
    sin: MaybeFloats,
    positions: MaybeInts,
    y: NumberArray,
    rstd: Float32Array,
    rows: number,
    heads: number,
    headDim: number,
    eps: number,
  ): void
  headNormRopeBackward(
    dy: NumberArray,
    x: NumberArray,
    xStride: number,
    w: MaybeNumbers,
    cos: MaybeFloats,
    sin: MaybeFloats,
    positions: MaybeInts,
    rstd: Float32Array,
    dx: NumberArray,
    dxStride: number,
    dw: MaybeFloats,
    rows: number,
    heads: number,
    headDim: number,
  ): void

  convert(src: NumberArray, dst: NumberArray, n: number): void
  axpby(alpha: number, a: NumberArray, beta: number, b: MaybeNumbers, y: NumberArray, n: number): void
  multiply(a: NumberArray, b: NumberArray, y: NumberArray, n: number): void
  softcap(x: Float32Array, cap: number, n: number): void
  gegluForward(x: NumberArray, y: NumberArray, rows: number, inner: number): void
  gegluBackward(dy: NumberArray, x: NumberArray, dx: NumberArray, rows: number, inner: number): void

  embeddingForward(
    ids: Int32Array,
    table: NumberArray,
    y: NumberArray,
    rows: number,
    dim: number,
    vocab: number,
    scale: number,
  ): void
  embeddingBackward(
    ids: Int32Array,
    dy: NumberArray,
    dtable: Float32Array,
    rows: number,
    dim: number,
    vocab: number,
    scale: number,
  ): void

  routerForward(
    logits: Float32Array,
    bias: MaybeFloats,
    expertScale: MaybeFloats,
    probs: Float32Array,
    indices: Int32Array,
    weights: Float32Array,
    counts: Int32Array,
    probSums: Float32Array,
    lse: Float32Array,
    rows: number,
    experts: number,
    k: number,
    sigmoid: boolean,
    renormalise: boolean,
  ): void
  routerBackward(
    dWeights: Float32Array,
    balance: MaybeFloats,
    zGrad: number,
    expertScale: MaybeFloats,
    probs: Float32Array,
    indices: Int32Array,
    weights: Float32Array,
    lse: Float32Array,
    dLogits: Float32Array,
    dExpertScale: MaybeFloats,
    rows: number,
    experts: number,
    k: number,
    sigmoid: boolean,
    renormalise: boolean,
  ): void
  dispatchPlan(
    indices: Int32Array,
    offsets: Int32Array,
    pairOfRow: Int32Array,
    rowOfPair: Int32Array,
    tokenOfRow: Int32Array,
    rows: number,
    k: number,
    experts: number,
  ): void
  combineForward(
    y: NumberArray,
    weights: MaybeFloats,
    rowOfPair: Int32Array,
    out: NumberArray,
    rows: number,
    k: number,
    dim: number,
  ): void
  combineBackward(
    dOut: NumberArray,
    y: NumberArray,
    weights: Float32Array,
    rowOfPair: Int32Array,
    dy: NumberArray,
    dWeights: Float32Array,
    rows: number,
    k: number,
    dim: number,
  ): void

  headCrossEntropy(
    x: NumberArray,
    table: NumberArray,
    packed: MaybeBytes,
    packedBack: MaybeBytes,
    targets: Int32Array,
    loss: Float32Array,
    lse: MaybeFloats,
    dx: MaybeNumbers,
    dtable: MaybeFloats,
    rows: number,
    dim: number,
    vocab: number,
    softcap: number,
    zCoefficient: number,
    gradScale: number,
    compute: Compute,
  ): void

  sumSquares(x: NumberArray, n: number): number
  adamw(
    p: Float32Array,
    g: Float32Array,
    m: Float32Array,
    v: Float32Array,
    n: number,
    lr: number,
    beta1: number,
    beta2: number,
    eps: number,
    weightDecay: number,
    gradScale: number,
    step: number,
  ): void
  muon(
    p: Float32Array,
    g: Float32Array,
    m: Float32Array,
    batch: number,
    rows: number,
    cols: number,
    lr: number,
    momentum: number,
    weightDecay: number,
    gradScale: number,
    compute: Compute,
  ): void
}

function load(): Kernels {
  const path = fileURLToPath(new URL('../../build/Release/pollux.node', import.meta.url))
  if (!existsSync(path)) {
    throw new Error(`native: the addon is not built, expected ${path}\nhint: npm run build`)
  }
  return createRequire(import.meta.url)(path) as Kernels
}

/** The addon, loaded on import. */
export const kernels: Kernels = load()
