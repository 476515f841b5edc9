// The product of a mixture of experts (one small product per expert) against one dense product of equal FLOPs.
//
// 64 experts; loads fall off like Zipf's law, in shuffled order, so one expert has hundreds of rows and many a
// handful: what a router that is not balanced yet asks for. Both sides use packed weights and bf16 arithmetic.
import { kernels, type NumberArray } from '../src/native/index.ts'
import { checkSample, emptyArray, randomArray, uniform, valueAt } from './arrays.ts'
import type { BenchOptions, Report } from './report.ts'
import { geometricMean, interleave, localSampler } from './timing.ts'

export const name = 'grouped'
export const description = '64 experts with skewed loads against one dense product of equal FLOPs'

const experts = 64

/** [rows in all, K, N] of the up and the down projection of nano's experts, and of a wider model. */
const shapes = [
  [8192, 384, 384],
  [8192, 192, 384],
  [8192, 512, 1024],
] as const

/** Rows of each expert: proportional to 1/(rank+1)^0.8, shuffled, summing to `rows`. */
export function skewedOffsets(rows: number, random: () => number): Int32Array {
  const share = Array.from({ length: experts }, (_, rank) => (rank + 1) ** -0.8)
  const total = share.reduce((sum, value) => sum + value, 0)
  const loads = share.map((value) => Math.floor((value / total) * rows))
  loads[0] += rows - loads.reduce((sum, value) => sum + value, 0)
  for (let i = experts - 1; i > 0; i--) {
    const j = Math.floor(((random() + 1) / 2) * (i + 1))
    ;[loads[i], loads[j]] = [loads[j], loads[i]]
  }
  const offsets = new Int32Array(experts + 1)
  for (let e = 0; e < experts; e++) offsets[e + 1] = offsets[e] + loads[e]
  return offsets
}

export async function run(report: Report, options: BenchOptions): Promise<void> {
  const ratios: number[] = []
  for (const [rows, k, n] of shapes) {
    const size = `${rows}x${k}x${n}`
    const cases = { forward: forwardCase(rows, k, n), weight_gradient: outerCase(rows, k, n) }
    for (const [form, { grouped, dense }] of Object.entries(cases)) {
      const label = `${form} ${size}`
      if (options.filter && !label.includes(options.filter)) continue
      const [ours, peer] = await interleave([localSampler(grouped), localSampler(dense)], { note: report.note })
      const flops = 2 * rows * k * n
      ratios.push(peer / ours)
      report.row({
        case: label,
        value: flops / ours / 1e9,
        unit: 'GFLOP/s',
        peer: 'one dense product',
        peerValue: flops / peer / 1e9,
        ratio: peer / ours,
      })
    }
  }
  const ratio = ratios.length > 1 ? geometricMean(ratios) : null
  if (ratio !== null)
    report.row({ case: 'geometric mean', value: ratio, unit: 'ratio', peer: 'one dense product', peerValue: 1, ratio })
}

interface Case {
  grouped: () => void
  dense: () => void
}

function pack(b: NumberArray, k: number, n: number, batch: number): Uint8Array {
  const packed = new Uint8Array(kernels.allocate(batch * kernels.gemmPackedBytes('bf16', k, n)))
  kernels.gemmPack(b, true, k, n, batch, 'bf16', packed)
  return packed
}

/** Y = X_e W_e^T for the rows of each expert; dense: all rows by one W. */
function forwardCase(rows: number, k: number, n: number): Case {
  const random = uniform(rows + k + n)
  const offsets = skewedOffsets(rows, random)
  const x = randomArray('bf16', rows * k, random)
  const w = randomArray('bf16', experts * n * k, random)
  const y = emptyArray('bf16', rows * n)
  const packed = pack(w, k, n, experts)
  const packedOne = pack(w.subarray(0, n * k), k, n, 1)
  const grouped = () => kernels.groupedGemm(x, null, null, packed, y, null, offsets, experts, n, k, true, false, 'bf16')
  const dense = () =>
    kernels.gemm(x, null, packedOne, y, rows, n, k, k, k, n, 1, 0, 0, 0, false, true, false, 'bf16', 1)
  grouped()
  for (let sample = 0; sample < 64; sample++) {
    const row = Math.floor(((random() + 1) / 2) * rows)
    const column = Math.floor(((random() + 1) / 2) * n)
    const expert = offsets.findLastIndex((offset) => offset <= row)
    const terms = Array.from(
      { length: k },
      (_, p) => valueAt(x, row * k + p) * valueAt(w, (expert * n + column) * k + p),
    )
    checkSample(`grouped row ${row} column ${column}`, valueAt(y, row * n + column), terms, 'bf16')
  }
  return { grouped, dense }
}

/** dW_e = dY_e^T X_e, summed into float32 gradients; dense: one dW over all rows. */
function outerCase(rows: number, k: number, n: number): Case {
  const random = uniform(2 * rows + k + n)
  const offsets = skewedOffsets(rows, random)
  const dy = randomArray('bf16', rows * n, random)
  const x = randomArray('bf16', rows * k, random)
  const dw = new Float32Array(kernels.allocate(4 * experts * n * k))
  const one = new Float32Array(kernels.allocate(4 * n * k))
  const grouped = () => kernels.groupedOuter(dy, null, x, null, dw, offsets, experts, n, k, false, 'bf16')
  const dense = () => kernels.gemm(dy, x, null, one, n, k, rows, n, k, k, 1, 0, 0, 0, true, false, false, 'bf16', 1)
  grouped()
  for (let sample = 0; sample < 64; sample++) {
    const expert = Math.floor(((random() + 1) / 2) * experts)
    const i = Math.floor(((random() + 1) / 2) * n)
    const j = Math.floor(((random() + 1) / 2) * k)
    const terms: number[] = []
    for (let row = offsets[expert]; row < offsets[expert + 1]; row++)
      terms.push(valueAt(dy, row * n + i) * valueAt(x, row * k + j))
    checkSample(`grouped gradient of expert ${expert} at ${i},${j}`, dw[(expert * n + i) * k + j], terms, 'f32')
  }
  return { grouped, dense }
}
