// The ops together: a small network with experts, trained for a few steps. What is tested is what no op shows
// alone: checkpointing changes no bit, micro-batches add up, memory stays flat, and the loss falls.
import { expect, test } from 'vitest'
import { kernels } from '../native/index.ts'
import {
  checkpoint,
  type Dtype,
  fromArray,
  memoryPool,
  memoryScope,
  Parameter,
  Tape,
  type Tensor,
} from '../tensor/index.ts'
import { random } from '../testing/index.ts'
import {
  attention,
  attentionMask,
  combine,
  embedding,
  geglu,
  groupedLinear,
  headCrossEntropy,
  linear,
  rmsNorm,
  route,
  scale,
  splitHeads,
} from './index.ts'

const [V, D, H, G, C, E, K, F] = [29, 24, 2, 1, 12, 5, 2, 10]
const [batch, time] = [2, 17]

function newParameters(seed: number): Record<string, Parameter> {
  const rng = random(seed)
  const shapes: Record<string, number[]> = {
    ...{ table: [V, D], qkv: [(H + 2 * G) * C, D], out: [D, H * C], norm: [D], router: [E, D], expertScale: [E] },
    ...{ gateUp: [E, 2 * F, D], down: [E, D, F] },
  }
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const parameter = new Parameter(name, shape)
      const fan = shape.length === 1 ? 0 : shape.at(-1)!
      for (let i = 0; i < parameter.size; i++) parameter.data[i] = fan === 0 ? 1 : rng.normal() / Math.sqrt(fan)
      parameter.touch()
      return [name, parameter]
    }),
  )
}

/** Attention and experts, each added to the stream. */
function block(p: Record<string, Parameter>, x: Tensor, dtype: Dtype): Tensor {
  const heads = { heads: H, kvHeads: G, headDim: C }
  const positions = fromArray(new Int32Array(batch * time), [batch * time], { dtype: 'i32' })
  const options = { ...heads, qNorm: null, kNorm: null, vNorm: true, rope: null, positions }
  const { q, k, v } = splitHeads(linear(rmsNorm(x, p.norm, { outDtype: dtype }), p.qkv), options)
  const mixed = attention(q, k, v, attentionMask({ batch, time, window: 5 }), { batch, time, ...heads })
  const x1 = rmsNorm(linear(mixed, p.out), p.norm, { residual: x, outDtype: x.dtype })
  const logits = linear(rmsNorm(x1, null, { outDtype: 'f32' }), p.router)
  const coefficients = { balanceCoefficient: 0.01, zCoefficient: 0.001 }
  const { weights, plan } = route(logits, { topK: K, expertScale: p.expertScale, ...coefficients })
  const y = rmsNorm(x1, p.norm, { outDtype: dtype })
  const inner = geglu(groupedLinear(y, p.gateUp, plan, { gather: true }))
  const sparse = combine(groupedLinear(inner, p.down, plan, { gather: false }), weights, plan)
  return rmsNorm(sparse, p.norm, { residual: x1, outDtype: x.dtype })
}

interface PassOptions {
  dtype: Dtype
  checkpointed?: boolean
  factor?: number
}

/** Forward and backward over three blocks that share their weights; the loss. */
function pass(p: Record<string, Parameter>, { dtype, checkpointed = false, factor = 1 }: PassOptions): number {
  using _scope = memoryScope()
  using tape = new Tape()
  const ids = Int32Array.from({ length: batch * time }, (_, r) => (r * r + 3) % V)
  const targets = Int32Array.from(ids, (_, r) => (r % 7 === 0 ? -1 : ids[(r + 1) % ids.length]))
  const intTensor = (values: Int32Array): Tensor => fromArray(values, [values.length], { dtype: 'i32' })
  let x = embedding(intTensor(ids), p.table, { scale: Math.sqrt(D) })
  for (let layer = 0; layer < 3; layer++) {
    const run = (input: Tensor): Tensor => block(p, input, dtype)
    x = checkpointed ? checkpoint(run, [x]) : run(x)
  }
  const hidden = rmsNorm(x, p.norm, { outDtype: dtype })
  const { loss } = headCrossEntropy(hidden, p.table, intTensor(targets), { softcap: 15 })
  tape.backward(factor === 1 ? loss : scale(loss, factor))
  return loss.item()
}

function gradients(p: Record<string, Parameter>): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(p).map(([name, { grad }]) => [name, grad!.toFloat32()]))
}

test.each(['f32', 'bf16'] as const)(
  'checkpointed blocks of %s have the same loss and gradients bit for bit',
  (dtype) => {
    const [plain, checkpointed] = [newParameters(1), newParameters(1)]
    expect(pass(checkpointed, { dtype, checkpointed: true })).toBe(pass(plain, { dtype }))
    expect(gradients(checkpointed)).toEqual(gradients(plain))
    expect(gradients(plain).gateUp.some((g) => g !== 0)).toBe(true)
  },
)

test('a pass repeats bit for bit', () => {
  const [first, second] = [newParameters(2), newParameters(2)]
  expect(pass(first, { dtype: 'bf16' })).toBe(pass(second, { dtype: 'bf16' }))
  expect(gradients(first)).toEqual(gradients(second))
})

test('two micro-batches add the gradients that each has alone', () => {
  const [once, twice] = [newParameters(3), newParameters(3)]
  pass(once, { dtype: 'f32' })
  pass(twice, { dtype: 'f32' })
  pass(twice, { dtype: 'f32' })
  const [single, double] = [gradients(once), gradients(twice)]
  for (const name of Object.keys(single)) {
    // x + x is exact, but a kernel that adds in place rounds its partial sums in another order
    const largest = single[name].reduce((max, g) => Math.max(max, Math.abs(g)), 0)
    double[name].forEach((g, i) => expect(Math.abs(g - 2 * single[name][i])).toBeLessThan(1e-5 * largest))
  }
})

test('memory stays flat over 100 passes', () => {
  const p = newParameters(4)
  const options = { dtype: 'bf16', factor: 0.5 } as const
  for (const checkpointed of [false, true]) {
    // the first pass makes the gradients out of blocks that the second one misses
    for (let i = 0; i < 2; i++) pass(p, { ...options, checkpointed })
    const before = memoryPool.stats()
    for (let i = 0; i < 100; i++) pass(p, { ...options, checkpointed })
    expect(memoryPool.stats()).toEqual(before)
  }
})

test('steps along the gradient lower the loss', () => {
  const p = newParameters(5)
  const losses = Array.from({ length: 30 }, () => {
    const loss = pass(p, { dtype: 'bf16' })
    for (const parameter of Object.values(p)) {
      const gradient = parameter.grad!.numbers
      kernels.axpby(-0.3, gradient, 1, parameter.data, parameter.data, parameter.size)
      parameter.zeroGrad()
      parameter.touch()
    }
    return loss
  })
  expect(losses.at(-1)).toBeLessThan(0.5 * losses[0])
})
