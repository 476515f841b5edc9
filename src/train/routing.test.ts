// Routing rules in whole runs: state that a resumed run keeps to the bit, loads over a step however it is cut, padding that
// counts for nothing, and every rule training a tiny model.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Decoder, loadModel, preset, readSafetensors, upcycle, withRouting } from '../model/index.ts'
import { Optimizer } from '../nn/index.ts'
import { randomSource } from '../testing/index.ts'
import { Rng } from '../util/index.ts'
import { trainModel } from './loop.ts'
import { completeOptions } from './options.ts'
import { checkpointFolder } from './resume.ts'
import { SkipStep } from './skipStep.ts'
import { trainStep } from './step.ts'
import type { Batch, StepMetrics, TrainRequest } from './types.ts'

const { config } = preset('micro')
const shape = { batch: 2, time: 32, vocab: config.vocab_size, documents: 2 }
const root = mkdtempSync(join(tmpdir(), 'pollux-routing-'))
afterAll(() => rmSync(root, { recursive: true }))

async function run(routing: string, request: Partial<TrainRequest> & { steps?: number } = {}, stopAfter = Infinity) {
  const { steps = 6, ...rest } = request
  const metrics: StepMetrics[] = []
  const stop = new AbortController()
  await trainModel({
    config: withRouting(config, routing),
    training: { horizon: { steps }, batch: 2, time: 32, accumulation: 2 },
    loader: randomSource(4, shape),
    onStep: (step) => {
      metrics.push(step)
      if (step.step >= stopAfter) stop.abort()
    },
    signal: stop.signal,
    ...rest,
  })
  return metrics
}

const learnt = ({ loss, gradNorm, expertTokens }: StepMetrics) => ({ loss, gradNorm, expertTokens })

describe.each([
  'balance=bias,jitter=0.1,warmup=0.5,capacity=1.5',
  'balance=quantile,score=sigmoid',
  'balance=sinkhorn,groups=2,shared=off',
  'aux-scope=global,aux=1',
  'choice=expert,warmup=0.5,warmup-by=temperature',
])('a run with %s', (routing) => {
  test('that is stopped and resumed computes the same bits as one that is not, state of routers included', async () => {
    const slug = routing.replaceAll(/\W/g, '-')
    const [straight, parts] = [join(root, slug), join(root, `${slug}-parts`)]
    const whole = await run(routing, { runFolder: straight })
    const first = await run(routing, { runFolder: parts }, 3)
    const second = await run(routing, { runFolder: parts, resume: true })
    expect([...first, ...second].map(learnt)).toEqual(whole.map(learnt))
    const bytes = (folder: string): string[] =>
      ['model.safetensors', 'training_state.safetensors'].map((name) =>
        readFileSync(join(checkpointFolder(folder), name)).toString('base64'),
      )
    expect(bytes(parts)).toEqual(bytes(straight))
    const read = loadModel(checkpointFolder(straight))
    expect(read.config).toEqual({ ...withRouting(config, routing) })
    expect(whole.at(-1)!.loss).toBeLessThan(whole[0].loss)
  })
})

test('the bias is in the model file in f32, moved and centred; loads of a step are in the state of training alone', async () => {
  const folder = join(root, 'bias')
  await run('balance=bias,aux=0.01,aux-scope=global', { runFolder: folder })
  const tensors = (name: string) => readSafetensors(join(checkpointFolder(folder), name)).tensors
  const names = [0, 1].map((layer) => `model.layers.${layer}.router.e_score_correction_bias`)
  for (const name of names) {
    const stored = tensors('model.safetensors').get(name)!
    expect([stored.dtype, stored.shape]).toEqual(['F32', [4]])
    const values = [...(stored.data as Float32Array)]
    expect(values.some((b) => b !== 0)).toBe(true)
    expect(values.reduce((sum, b) => sum + b, 0)).toBeCloseTo(0, 6)
    expect([...(tensors('training_state.safetensors').get(name)!.data as Float32Array)]).toEqual(values)
    const read = loadModel(checkpointFolder(folder)).routers.flatMap(({ buffers }) => buffers)
    expect([...read.find((buffer) => buffer.name === name)!.data]).toEqual(values)
  }
  const loads = (of: string): string[] => [...tensors(of).keys()].filter((name) => name.endsWith('.loads'))
  expect([loads('model.safetensors'), loads('training_state.safetensors').length]).toEqual([[], 2])
})

/** One batch of four sequences, and the same in two halves. */
async function wholeAndHalves(): Promise<[whole: Batch, halves: Batch[]]> {
  const whole = await randomSource(9, { ...shape, batch: 4 }).next()
  const half = (from: number): Batch => ({
    ids: whole.ids.slice(from, from + 64),
    targets: whole.targets.slice(from, from + 64),
    segmentStart: whole.segmentStart.slice(from, from + 64),
    positions: whole.positions.slice(from, from + 64),
    numBytes: whole.numBytes / 2,
  })
  return [whole, [half(0), half(64)]]
}

/** A step over micro-batches in f32, of which the router's losses are the larger part; its gradients and state. */
function stepOf(routing: string, batches: Batch[], batch: number) {
  const model = new Decoder(withRouting(config, routing)).initialise(new Rng(1))
  const options = completeOptions({ horizon: { steps: 1 }, batch, time: 32, compute: 'f32', routingRecord: false })
  const optimizer = new Optimizer(model.weights, { kind: 'adamw', weightDecay: 0 })
  // loads of an earlier step, far from equal
  for (const { buffers } of model.routers) {
    for (const { name, data } of buffers) if (name.endsWith('.loads')) data.set([0.7, 0.1, 0.1, 0.1])
  }
  const rates = { learningRate: 0, matrixLearningRate: 0, progress: 0 }
  const result = trainStep({ model, optimizer, skipStep: new SkipStep(0), options }, batches, rates)
  const router = model.weights.find(({ parameter }) => parameter.name.endsWith('layers.0.router.proj.weight'))!
  const buffers = model.routers.flatMap((each) => each.buffers.map(({ data }) => [...data]))
  return { gradient: router.parameter.gradient().floats.slice(), buffers, ...result }
}

test.each([
  ['the bias rule', 'balance=bias'],
  ['the balance loss over the whole step', 'aux-scope=global,aux=100'],
  ['the balance loss over sequences', 'aux-scope=sequence,aux=100'],
])('%s is independent of how the step is cut into micro-batches', async (_, routing) => {
  const [whole, halves] = await wholeAndHalves()
  const one = stepOf(routing, [whole], 4)
  const two = stepOf(routing, halves, 2)
  expect(two.expertTokens).toEqual(one.expertTokens)
  expect(two.buffers).toEqual(one.buffers)
  if (routing.includes('scope')) expect(two.balanceLoss).toBeCloseTo(one.balanceLoss, 4)
  const largest = Math.max(...one.gradient.map(Math.abs))
  one.gradient.forEach((g, i) => expect(Math.abs(g - two.gradient[i])).toBeLessThan(2e-4 * largest))
  // and the loss over each micro-batch is not: its loads are its own
  const [a, b] = [stepOf('aux=100', [whole], 4), stepOf('aux=100', halves, 2)]
  const apart = a.gradient.map((g, i) => Math.abs(g - b.gradient[i]))
  expect(Math.max(...apart)).toBeGreaterThan(2e-3 * Math.max(...a.gradient.map(Math.abs)))
})

test('rows of padding move neither loads nor bias', async () => {
  const [whole] = await wholeAndHalves()
  const padding = Uint8Array.from(whole.ids, (_, row) => (row % 32 >= 16 ? 1 : 0))
  const targets = whole.targets.map((target, row) => (padding[row] ? -1 : target))
  const withIds = (id: number) =>
    stepOf(
      'balance=bias,aux=1',
      [{ ...whole, ids: whole.ids.map((old, row) => (padding[row] ? id : old)), targets, padding }],
      4,
    )
  const [a, b] = [withIds(1), withIds(300)]
  expect(a.expertTokens.map((counts) => counts.reduce((sum, n) => sum + n, 0))).toEqual([64 * 2, 64 * 2])
  expect(b.expertTokens).toEqual(a.expertTokens)
  expect(b.buffers).toEqual(a.buffers)
  expect(b.balanceLoss).toBe(a.balanceLoss)
  b.gradient.forEach((g, i) => expect(g).toBeCloseTo(a.gradient[i], 6))
})

test('activation checkpointing changes no bit of what routers draw, drop and count', async () => {
  const routing = 'balance=bias,jitter=0.1,capacity=1.2,warmup=1'
  const options = (activationCheckpointing: boolean) => ({
    training: { horizon: { steps: 3 }, batch: 2, time: 32, activationCheckpointing },
  })
  const plain = await run(routing, options(false))
  expect((await run(routing, options(true))).map(learnt)).toEqual(plain.map(learnt))
})

test('a step skipped as a spike moves no bias', async () => {
  const [whole] = await wholeAndHalves()
  const model = new Decoder(withRouting(config, 'balance=bias')).initialise(new Rng(1))
  const options = completeOptions({ horizon: { steps: 1 }, batch: 4, time: 32 })
  const optimizer = new Optimizer(model.weights, { kind: 'adamw', weightDecay: 0 })
  const skipStep = new SkipStep(6)
  for (let i = 0; i < 100; i++) skipStep.isSpike(0.01 + 1e-4 * (i % 2), 0.01)
  const rates = { learningRate: 0.01, matrixLearningRate: 0.01, progress: 0 }
  const { skipped } = trainStep({ model, optimizer, skipStep, options }, [whole], rates)
  expect(skipped).toBe(true)
  for (const { buffers } of model.routers) expect(buffers[0].data.every((b) => b === 0)).toBe(true)
})

test('an upcycled model goes on from the loss of the dense one', async () => {
  const folder = join(root, 'dense')
  const training = { horizon: { steps: 30 }, batch: 2, time: 32, accumulation: 1, learningRate: 0.01 }
  const before = await run('experts=0', { training, runFolder: folder })
  const sparse = upcycle(loadModel(checkpointFolder(folder)), 'experts=4', { rng: new Rng(2) })
  const after = await run('', { initial: sparse, config: sparse.textConfig, training })
  expect(after[0].loss).toBeLessThan(before[0].loss - 0.3)
  expect(after.at(-1)!.loss).toBeLessThan(after[0].loss)
})

test('weights that a run begins with bring the state of routers along', async () => {
  const initial = new Decoder(withRouting(config, 'balance=bias')).initialise(new Rng(1))
  initial.routers[1].buffers[0].data.set([3, -1, -1, -1])
  initial.blocks[0].layerScalar = 0.25
  const folder = join(root, 'initial')
  await run('balance=bias', { initial, runFolder: folder, steps: 1 })
  const { routers, blocks } = loadModel(checkpointFolder(folder))
  expect(routers[1].buffers[0].data[0]).toBeGreaterThan(2)
  expect(blocks[0].layerScalar).toBe(0.25)
})
