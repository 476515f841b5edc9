// Attention with a sliding window against PyTorch's scaled_dot_product_attention: bf16, same inputs, same mask.
//
// T 2048, window 256, head width 64, 8 heads. Ours skips keys outside the window; PyTorch's CPU kernel takes the
// window as a boolean mask and computes every score, which is what a PyTorch user gets. Both results are checked
// against float64 on sampled rows (forward) and against each other (gradients) before they are timed.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kernels, type NumberArray } from '../src/native/index.ts'
import { emptyArray, randomArray, uniform, valueAt } from './arrays.ts'
import { orMissing, type Peer, startPython } from './peers/peer.ts'
import type { BenchOptions, Report } from './report.ts'
import { interleave, localSampler, type Sampler } from './timing.ts'

export const name = 'attention'
export const description = 'sliding-window attention, forward and backward, against PyTorch SDPA in bf16'

const time = 2048
const window = 256
const headDim = 64
const heads = 8
const scale = headDim ** -0.5

interface Inputs {
  q: NumberArray
  k: NumberArray
  v: NumberArray
  dO: NumberArray
  first: Int32Array
  last: Int32Array
  lse: Float32Array
  o: NumberArray
  dq: NumberArray
  dk: NumberArray
  dv: NumberArray
}

export async function run(report: Report, options: BenchOptions): Promise<void> {
  const inputs = makeInputs()
  forward(inputs)
  backward(inputs)
  checkForward(inputs)
  using peer = await orMissing(startPython('torch_attention.py', kernels.threads), report.note)
  if (peer) {
    report.note(`peer: ${peer.hello.name}, ${kernels.threads} threads`)
    await prepareAndCompare(peer, inputs)
  }
  const size = `T${time} window ${window} head ${headDim} x${heads}`
  const cases: [string, () => void, boolean][] = [
    [`forward ${size}`, () => forward(inputs), false],
    [
      `forward+backward ${size}`,
      () => {
        forward(inputs)
        backward(inputs)
      },
      true,
    ],
  ]
  for (const [label, call, withBackward] of cases) {
    if (options.filter && !label.includes(options.filter)) continue
    const samplers: Sampler[] = [localSampler(call)]
    if (peer) samplers.push(peer.sampler({ backward: withBackward }))
    const seconds = await interleave(samplers, { minSeconds: 0.1, note: report.note })
    report.row({
      case: label,
      value: seconds[0] * 1000,
      unit: 'ms',
      peer: peer ? 'PyTorch SDPA bf16' : null,
      peerValue: peer ? seconds[1] * 1000 : null,
      ratio: peer ? seconds[1] / seconds[0] : null,
    })
  }
}

function makeInputs(): Inputs {
  const random = uniform(7)
  const size = time * heads * headDim
  const one = () => randomArray('bf16', size, random, 2)
  const rows = Int32Array.from({ length: time }, (_, i) => i)
  return {
    q: one(),
    k: one(),
    v: one(),
    dO: one(),
    first: rows.map((i) => Math.max(0, i - window + 1)),
    last: rows,
    lse: new Float32Array(heads * time),
    o: emptyArray('bf16', size),
    dq: emptyArray('bf16', size),
    dk: emptyArray('bf16', size),
    dv: emptyArray('bf16', size),
  }
}

function forward({ q, k, v, first, last, o, lse }: Inputs): void {
  kernels.attentionForward(q, k, v, first, last, 1, time, heads, heads, headDim, scale, 0, 'bf16', o, lse)
}

function backward({ q, k, v, first, last, o, lse, dO, dq, dk, dv }: Inputs): void {
  kernels.attentionBackward(
    q,
    k,
    v,
    first,
    last,
    1,
    time,
    heads,
    heads,
    headDim,
    scale,
    0,
    'bf16',
    o,
    lse,
    dO,
    dq,
    dk,
    dv,
  )
}

/** Softmax attention of sampled rows in float64. */
function checkForward({ q, k, v, o, first, last }: Inputs): void {
  const at = (array: NumberArray, row: number, head: number, c: number) =>
    valueAt(array, (row * heads + head) * headDim + c)
  for (const row of [0, 1, 255, 256, 257, 1000, time - 1]) {
    const head = row % heads
    const scores: number[] = []
    for (let key = first[row]; key <= last[row]; key++) {
      let sum = 0
      for (let c = 0; c < headDim; c++) sum += at(q, row, head, c) * at(k, key, head, c)
      scores.push(sum * scale)
    }
    const top = Math.max(...scores)
    const weights = scores.map((score) => Math.exp(score - top))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    for (let c = 0; c < headDim; c++) {
      const expected = weights.reduce((sum, weight, i) => sum + weight * at(v, first[row] + i, head, c), 0) / total
      const got = at(o, row, head, c)
      if (!(Math.abs(got - expected) <= 0.02)) {
        throw new Error(`attention: row ${row} head ${head} must be ${expected} within 0.02, got ${got}`)
      }
    }
  }
}

/** Hands the peer the same inputs and compares all results with its own (relative error in the 2-norm). */
async function prepareAndCompare(peer: Peer, inputs: Inputs): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pollux-attention-'))
  try {
    const names = ['q', 'k', 'v', 'd_o', 'o', 'dq', 'dk', 'dv']
    const files = Object.fromEntries(names.map((tensor) => [tensor, join(folder, tensor)]))
    const given = { q: inputs.q, k: inputs.k, v: inputs.v, d_o: inputs.dO }
    for (const [tensor, array] of Object.entries(given)) writeFileSync(files[tensor], array)
    await peer.ask({ do: 'prepare', time, window, heads, kv_heads: heads, head_dim: headDim, scale, files })
    for (const tensor of ['o', 'dq', 'dk', 'dv'] as const) {
      const theirs = new Float32Array(new Uint8Array(readFileSync(files[tensor])).buffer)
      let error = 0
      let size = 0
      for (let i = 0; i < theirs.length; i++) {
        error += (valueAt(inputs[tensor], i) - theirs[i]) ** 2
        size += theirs[i] ** 2
      }
      const relative = Math.sqrt(error / size)
      // both round to bf16 on the way, PyTorch its scores as well
      if (!(relative < 0.02))
        throw new Error(`attention: ${tensor} must agree with the peer's within 0.02, got ${relative}`)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
