// Our matrix product against oneDNN's: the shapes of a forward pass and the two that its backward pass needs.
//
// A shape MxKxN is M rows of tokens, K input features, N output features. X [M,K], W [N,K], dY [M,N]:
//   forward      Y [M,N]  = X W^T      W packed beforehand on both sides
//   grad_input   dX [M,K] = dY W       W packed beforehand on both sides
//   grad_weight  dW [N,K] = dY^T X     nothing packed beforehand: both operands are new in every step
// bf16 inputs give bf16 outputs, except dW, which is float32 as in training; f32 is f32 throughout.
// Every product is checked on random entries against float64 before it is timed.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Compute, kernels, type NumberArray } from '../src/native/index.ts'
import { checkSample, emptyArray, randomArray, uniform, valueAt } from './arrays.ts'
import { orMissing, type Peer, startOneDnn } from './peers/peer.ts'
import type { BenchOptions, Report } from './report.ts'
import { geometricMean, interleave, localSampler } from './timing.ts'

export const name = 'gemm'
export const description = 'matrix products, bf16 and f32, forward and backward forms, against oneDNN'

/** [M, K, N] */
export const shapes = [
  [512, 512, 512],
  [1024, 1024, 1024],
  [2048, 512, 2048],
  [4096, 256, 1024],
  [8192, 256, 512],
  [128, 256, 512],
] as const
const forms = ['forward', 'grad_input', 'grad_weight'] as const
type Form = (typeof forms)[number]

/** One product: C [m,n] = A B with inner size k, A or B as they lie in memory. */
interface Product {
  m: number
  n: number
  k: number
  a: NumberArray
  b: NumberArray
  c: NumberArray
  aTransposed: boolean
  bTransposed: boolean
  packed: Uint8Array | null
  dtype: Compute
}

export async function run(report: Report, options: BenchOptions): Promise<void> {
  using peer = await orMissing(startOneDnn(kernels.threads), report.note)
  if (peer) report.note(`peer: ${peer.hello.name}, isa code ${peer.hello.isa}, ${kernels.threads} threads`)
  for (const dtype of ['bf16', 'f32'] as const) {
    const ours: number[] = []
    const ratios: number[] = []
    for (const form of forms) {
      for (const shape of shapes) {
        const label = `${dtype} ${form} ${shape.join('x')}`
        if (options.filter && !label.includes(options.filter)) continue
        const [value, peerValue] = await measure(dtype, form, shape, peer, report.note)
        ours.push(value)
        if (peerValue !== null) ratios.push(value / peerValue)
        report.row(gflops(label, value, peerValue))
      }
    }
    if (ours.length < 2) continue
    const mean = geometricMean(ours)
    const ratio = ratios.length > 0 ? geometricMean(ratios) : null
    report.row({ ...gflops(`${dtype} geometric mean`, mean, ratio === null ? null : mean / ratio), ratio })
  }
}

function gflops(label: string, value: number, peerValue: number | null): Parameters<Report['row']>[0] {
  const ratio = peerValue === null ? null : value / peerValue
  return { case: label, value, unit: 'GFLOP/s', peer: peerValue === null ? null : 'oneDNN', peerValue, ratio }
}

async function measure(
  dtype: Compute,
  form: Form,
  shape: readonly [number, number, number],
  peer: Peer | undefined,
  note: Report['note'],
): Promise<[number, number | null]> {
  const [m, k, n] = shape
  const seed = 1 + m + 3 * k + 7 * n
  const product = prepare(dtype, form, shape, seed)
  const flops = 2 * m * k * n
  multiply(product)
  check(`gemm ${dtype} ${form} ${shape.join('x')}`, product, uniform(seed + 1))
  const samplers = [localSampler(() => multiply(product))]
  const prepared = await peer?.ask({ do: 'prepare', dtype, form, m, k, n, seed })
  const withPeer = peer !== undefined && prepared?.unsupported === undefined
  if (withPeer) {
    const error = prepared!.error_max
    if (!(error < 0.01)) throw new Error(`gemm: the peer's result must be right within 0.01, got ${error}`)
    samplers.push(peer.sampler())
    await sleep(20)
  }
  const seconds = await interleave(samplers, { note })
  return [flops / seconds[0] / 1e9, withPeer ? flops / seconds[1] / 1e9 : null]
}

function prepare(dtype: Compute, form: Form, shape: readonly [number, number, number], seed: number): Product {
  const [rows, features, outputs] = shape
  const random = uniform(seed)
  const weight = form === 'grad_weight'
  const m = weight ? outputs : rows
  const k = { forward: features, grad_input: outputs, grad_weight: rows }[form]
  const n = form === 'forward' ? outputs : features
  const a = randomArray(dtype, m * k, random)
  const b = randomArray(dtype, k * n, random)
  const c = emptyArray(weight ? 'f32' : dtype, m * n)
  const bTransposed = form === 'forward'
  let packed: Uint8Array | null = null
  if (!weight) {
    packed = new Uint8Array(kernels.allocate(kernels.gemmPackedBytes(dtype, k, n)))
    kernels.gemmPack(b, bTransposed, k, n, 1, dtype, packed)
  }
  return { m, n, k, a, b, c, aTransposed: weight, bTransposed, packed, dtype }
}

function multiply({ m, n, k, a, b, c, aTransposed, bTransposed, packed, dtype }: Product): void {
  const lda = aTransposed ? m : k
  const ldb = bTransposed ? k : n
  const unpacked = packed === null ? b : null
  kernels.gemm(a, unpacked, packed, c, m, n, k, lda, ldb, n, 1, 0, 0, 0, aTransposed, bTransposed, false, dtype, 1)
}

/** Compares 64 random entries with sums in float64. */
function check(what: string, { m, n, k, a, b, c, aTransposed, bTransposed }: Product, random: () => number): void {
  for (let sample = 0; sample < 64; sample++) {
    const i = Math.floor(((random() + 1) / 2) * m)
    const j = Math.floor(((random() + 1) / 2) * n)
    const terms = Array.from(
      { length: k },
      (_, p) => valueAt(a, aTransposed ? p * m + i : i * k + p) * valueAt(b, bTransposed ? j * k + p : p * n + j),
    )
    checkSample(`${what} entry ${i},${j}`, valueAt(c, i * n + j), terms, c instanceof Float32Array ? 'f32' : 'bf16')
  }
}
