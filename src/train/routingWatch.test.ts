import { expect, test } from 'vitest'
import { newModel, preset } from '../model/index.ts'
import { route, routeSampling } from '../ops/index.ts'
import { fromArray, memoryScope } from '../tensor/index.ts'
import { normalArray, random, randomSource, tempFolder } from '../testing/index.ts'
import { trainModel } from './loop.ts'
import { RoutingMeter } from './metrics.ts'
import { readRoutingRecord, RoutingRecord, routingRecordPath } from './routingRecord.ts'
import { deadAfter, type RoutingAlert, RoutingWatch } from './routingWatch.ts'

const [R, E, K] = [64, 16, 2]
const config = { ...preset('nano').config, num_experts: E, top_k_experts: K }

/** What the meter says of one step of a router with these logits; layers share them. */
function figures(logits: Float32Array, layers = 1) {
  using _scope = memoryScope()
  using _sampling = routeSampling()
  const meter = new RoutingMeter()
  const routing = route(fromArray(logits, [R, E]), { topK: K })
  meter.add(Array.from({ length: layers }, () => routing))
  const { routers, expertTokens, balancePerLayer } = meter.result()
  return routers.map((router, i) => ({ ...router, load: expertTokens[i], maxVio: balancePerLayer[i] }))
}

/** Noise, with `push` on the first `favoured` experts. */
function logits(step: number, { push = 0, favoured = 2, spread = 1 } = {}) {
  const noise = normalArray(random(step), R * E)
  return noise.map((x, i) => spread * x + (i % E < favoured ? push : 0))
}

function watch(steps: number, of: (step: number) => Float32Array): RoutingAlert[] {
  const watching = new RoutingWatch(config)
  return Array.from({ length: steps }, (_, i) => watching.step(i + 1, figures(of(i + 1)))).flat()
}

test('a collapse onto two experts is told as overload, narrow entropy and dead experts, once each', () => {
  const alerts = watch(300, (step) => logits(step, { push: 12 }))
  expect(alerts.map(({ trouble, step }) => [trouble, step])).toEqual([
    ['overload', 50],
    ['entropy', 50],
    ['dead', deadAfter],
  ])
  const [overload, , dead] = alerts
  expect(overload.value).toBeCloseTo(E / K - 1)
  expect(overload.text).toContain('layer 0: expert 0 has had most tokens for 50 steps, now 8.0 times the mean')
  expect(dead.text).toContain('14 of 16 experts (2, 3, 4, 5, 6, 7, 8, 9, ...)')
  for (const { advice } of alerts) expect(advice).toContain('--routing aux=0.1')
})

test('scores that are all alike are told by their margin', () => {
  const alerts = watch(60, (step) => logits(step, { spread: 1e-5 }))
  expect(alerts.map(({ trouble }) => trouble)).toEqual(['margin'])
})

test('many drops are told, with the capacity as what to change', () => {
  const watching = new RoutingWatch(config)
  const alerts = Array.from({ length: 60 }, (_, i) => {
    const [router] = figures(logits(i))
    return watching.step(i + 1, [{ ...router, dropped: R }])
  }).flat()
  expect(alerts.map(({ trouble }) => trouble)).toEqual(['drops'])
  expect(alerts[0].advice).toContain('capacity')
})

test('uneven steps now and then, and an even router, are not told', () => {
  expect(watch(400, (step) => logits(step, { push: step % 40 === 0 ? 12 : 0 }))).toEqual([])
})

test('a trouble that passes and comes back is told again, for the layer it is in', () => {
  const watching = new RoutingWatch(config)
  const bad = (step: number) => step <= 60 || (step > 80 && step <= 140)
  const alerts = Array.from({ length: 160 }, (_, i) => {
    const even = figures(logits(i + 1), 2)
    const uneven = figures(logits(i + 1, { push: 12 }), 1)
    return watching.step(i + 1, [even[0], bad(i + 1) ? uneven[0] : even[1]])
  }).flat()
  expect(alerts.map(({ trouble, layer, step }) => [trouble, layer, step])).toEqual([
    ['overload', 1, 50],
    ['entropy', 1, 50],
    ['overload', 1, 130],
    ['entropy', 1, 130],
  ])
})

const { config: micro, batch, time } = preset('micro')
const shape = { batch, time, vocab: micro.vocab_size }

test('a healthy run is recorded line by line and raises no alert', async () => {
  using folder = tempFolder()
  const alerts: RoutingAlert[] = []
  const loads: number[][][] = []
  const training = { horizon: { steps: 150 }, batch, time }
  await trainModel({
    ...{ config: micro, training, loader: randomSource(1, shape), runFolder: folder.path },
    onStep: ({ routingAlerts = [], expertTokens }) => {
      alerts.push(...routingAlerts)
      loads.push(expertTokens)
    },
  })
  expect(alerts).toEqual([])
  const record = readRoutingRecord(routingRecordPath(folder.path))
  expect(record.map(({ step }) => step)).toEqual(Array.from({ length: 150 }, (_, i) => i + 1))
  expect(record.map(({ layers }) => layers.map(({ load }) => load))).toEqual(loads)
  for (const { tokens, step, layers } of record) {
    expect(tokens).toBe(step * batch * time)
    for (const { load, maxVio, entropy, rowEntropy, margin, dropped, dead } of layers) {
      expect(load.reduce((sum, x) => sum + x)).toBe(batch * time * micro.top_k_experts)
      expect(maxVio).toBeCloseTo((Math.max(...load) * 4) / (batch * time * 2) - 1, 3)
      expect(entropy).toBeGreaterThanOrEqual(rowEntropy - 0.01)
      expect(entropy).toBeLessThanOrEqual(1)
      expect(margin).toBeGreaterThan(0)
      expect([dropped, dead]).toEqual([0, 0])
    }
  }
})

test('recording changes no bit of training, and can be switched off', async () => {
  using folder = tempFolder()
  const losses = async (routingRecord: boolean) => {
    const out: number[] = []
    const training = { horizon: { steps: 5 }, batch, time, routingRecord }
    const runFolder = routingRecord ? undefined : folder.path
    await trainModel({
      ...{ config: micro, training, loader: randomSource(1, shape), runFolder },
      onStep: ({ loss, gradNorm }) => void out.push(loss, gradNorm),
    })
    return out
  }
  expect(await losses(false)).toEqual(await losses(true))
  expect(readRoutingRecord(routingRecordPath(folder.path))).toEqual([])
})

test('a resumed record is cut back, mends a torn line, and goes on watching where it stood', () => {
  using folder = tempFolder()
  const metrics = (step: number) => {
    const layers = figures(logits(step, { push: 12 }))
    return {
      ...{ balance: 0, balanceLoss: 0, routerZLoss: 0, routers: layers },
      ...{ expertTokens: layers.map(({ load }) => load), balancePerLayer: layers.map(({ maxVio }) => maxVio) },
    }
  }
  const run = (record: RoutingRecord, from: number, to: number) => {
    const alerts: RoutingAlert[] = []
    for (let step = from; step <= to; step++) alerts.push(...record.step({ step, tokens: step * R }, metrics(step)))
    return alerts.map(({ trouble, step }) => [trouble, step])
  }
  const runFolder = folder.path
  expect(run(new RoutingRecord(config, { runFolder, fromStep: 0 }), 1, 70)).toHaveLength(2)
  const resumed = new RoutingRecord(config, { runFolder, fromStep: 60 })
  expect(run(resumed, 61, 120)).toEqual([['dead', 100]])
  const steps = readRoutingRecord(routingRecordPath(runFolder))
  expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1))
  expect(steps.filter(({ alerts }) => alerts).map(({ step }) => step)).toEqual([50, 100])
  expect(steps[119].layers[0].dead).toBe(14)
})

test('models without experts have no record', () => {
  const dense = newModel({ ...micro, enable_moe_block: false })
  expect(dense.textConfig.enable_moe_block).toBe(false)
  const none = { ...{ balance: 0, balanceLoss: 0, routerZLoss: 0 }, routers: [], expertTokens: [], balancePerLayer: [] }
  expect(new RoutingRecord(dense.textConfig, { fromStep: 0 }).step({ step: 1, tokens: 1 }, none)).toEqual([])
})
