import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadModel, preset, readSafetensors } from '../model/index.ts'
import { memoryPool } from '../tensor/index.ts'
import { randomBatch, randomSource, repeatedSource } from '../testing/index.ts'
import { Rng } from '../util/index.ts'
import { trainModel } from './loop.ts'
import { checkpointFolder } from './resume.ts'
import type { StepMetrics, TrainRequest } from './types.ts'

const { config } = preset('micro')
const shape = { batch: 2, time: 32, vocab: config.vocab_size, documents: 2 }
const root = mkdtempSync(join(tmpdir(), 'pollux-train-'))
afterAll(() => rmSync(root, { recursive: true }))

/** A run over random text; collects the metrics of its steps. */
async function run(request: Partial<TrainRequest> & { steps?: number; options?: object }, stopAfter = Infinity) {
  const { steps = 6, options, ...rest } = request
  const metrics: StepMetrics[] = []
  const stop = new AbortController()
  const summary = await trainModel({
    config,
    training: { horizon: { steps }, batch: 2, time: 32, learningRate: 0.01, ...options },
    loader: randomSource(4, shape),
    onStep: (step) => {
      metrics.push(step)
      if (step.step >= stopAfter) stop.abort()
    },
    signal: stop.signal,
    ...rest,
  })
  return { summary, metrics }
}

const learnt = ({ loss, gradNorm, balancePerLayer, tokens, learningRate }: StepMetrics) => ({
  loss,
  gradNorm,
  balancePerLayer,
  tokens,
  learningRate,
})

/** Every file of a checkpoint that training decides, as bytes. */
function trained(runFolder: string): Record<string, string> {
  const files = ['model.safetensors', 'training_state.safetensors']
  return Object.fromEntries(
    files.map((name) => [name, readFileSync(join(checkpointFolder(runFolder), name)).toString('base64')]),
  )
}

describe.each(['muon', 'adamw'] as const)('with %s', (optimizer) => {
  test('learns a tiny batch by heart', async () => {
    const batch = randomBatch(new Rng(2), shape)
    const { metrics } = await run({ steps: 80, loader: repeatedSource([batch]), options: { optimizer } })
    expect(metrics[0].loss).toBeCloseTo(Math.log(config.vocab_size), 0)
    expect(metrics.at(-1)!.loss).toBeLessThan(0.5)
  })

  test('a run stopped and resumed computes the same bits as one that was not', async () => {
    const [straight, parts] = ['straight', 'parts'].map((name) => join(root, `${optimizer}-${name}`))
    const options = { optimizer, accumulation: 2 }
    const whole = await run({ runFolder: straight, options })
    const first = await run({ runFolder: parts, options }, 3)
    expect(first.summary).toMatchObject({ step: 3, stopped: true })
    const second = await run({ runFolder: parts, options, resume: true })
    expect(second.summary).toMatchObject({ step: 6, stopped: false, resumedFromStep: 3 })
    expect([...first.metrics, ...second.metrics].map(learnt)).toEqual(whole.metrics.map(learnt))
    expect(trained(parts)).toEqual(trained(straight))
  })
})

test('equal seeds give equal runs and different seeds do not', async () => {
  const losses = async (seed: number) => (await run({ steps: 3, options: { seed } })).metrics.map(({ loss }) => loss)
  const first = await losses(1)
  expect(await losses(1)).toEqual(first)
  expect(await losses(2)).not.toEqual(first)
})

test('two micro-batches of half the size give the loss and gradient of the whole', async () => {
  const source = randomSource(9, { ...shape, batch: 4 })
  const whole = await source.next()
  const halves = [0, 64].map((start) => ({
    ids: whole.ids.slice(start, start + 64),
    targets: whole.targets.slice(start, start + 64),
    segmentStart: whole.segmentStart.slice(start, start + 64),
    positions: whole.positions.slice(start, start + 64),
    numBytes: whole.numBytes / 2,
  }))
  // without the balance loss, which is a function of each micro-batch's own loads
  const noBalance = { ...config, router_aux_loss_coef: 0 }
  const options = { compute: 'f32' as const }
  const one = await run({
    config: noBalance,
    steps: 1,
    loader: repeatedSource([whole]),
    options: { ...options, batch: 4 },
  })
  const two = await run({
    config: noBalance,
    steps: 1,
    loader: repeatedSource(halves),
    options: { ...options, accumulation: 2 },
  })
  expect(two.metrics[0].loss).toBeCloseTo(one.metrics[0].loss, 5)
  expect(two.metrics[0].gradNorm / one.metrics[0].gradNorm).toBeCloseTo(1, 3)
  expect(two.metrics[0].balancePerLayer).toEqual(one.metrics[0].balancePerLayer)
})

test('validates at its interval and at the end, and reports it with the step', async () => {
  const evals: number[] = []
  const { summary, metrics } = await run({
    steps: 5,
    options: { evalEvery: 2, evalBatches: 2 },
    validation: () => randomSource(77, shape),
    onEval: ({ step }) => void evals.push(step),
  })
  expect(evals).toEqual([2, 4, 5])
  expect(metrics.map(({ valBitsPerByte }) => valBitsPerByte !== undefined)).toEqual([false, true, false, true, false])
  expect(summary.valBitsPerByte).toBeGreaterThan(0)
})

test('a checkpoint opens as a model and its state holds the f32 weights', async () => {
  const folder = join(root, 'opens')
  await run({ steps: 2, runFolder: folder, options: { checkpointEvery: 1 } })
  const model = loadModel(checkpointFolder(folder))
  const { tensors } = readSafetensors(join(checkpointFolder(folder), 'training_state.safetensors'))
  for (const { parameter } of model.weights) {
    const master = tensors.get(`master.${parameter.name}`)!
    master.data.forEach((value, i) => {
      // bf16 keeps 8 bits
      expect(Math.abs(parameter.data[i] - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -8)
    })
  }
})

test('a tokenizer that cannot be saved costs the new checkpoint and not the old one', async () => {
  const folder = join(root, 'failing')
  await run({ steps: 2, runFolder: folder })
  const before = trained(folder)
  const tokenizer = {
    vocabSize: 320,
    save: () => {
      throw new Error('no space left on device')
    },
  }
  await expect(run({ steps: 4, runFolder: folder, resume: true, tokenizer })).rejects.toThrow(/previous one/)
  expect(trained(folder)).toEqual(before)
  expect(existsSync(`${checkpointFolder(folder)}.new`)).toBe(false)
})

test('the checkpoint names the end of text of its tokenizer, whose ids must fit the table', async () => {
  const folder = join(root, 'named')
  const tokenizer = (vocabSize: number) => ({ vocabSize, eosId: 7, save: (path: string) => writeFileSync(path, '{}') })
  await run({ steps: 1, runFolder: folder, tokenizer: tokenizer(320) })
  expect(loadModel(checkpointFolder(folder)).config.eos_token_id).toBe(7)
  expect(existsSync(join(checkpointFolder(folder), 'tokenizer.json'))).toBe(true)
  await expect(run({ tokenizer: tokenizer(321) })).rejects.toThrow("at least the tokenizer's 321, got 320")
})

test('resuming what is not there, or of another kind, is refused with what to do', async () => {
  await expect(run({ resume: true })).rejects.toThrow('resume needs runFolder')
  await expect(run({ resume: true, runFolder: join(root, 'none') })).rejects.toThrow(/no run to go on with/)
  const folder = join(root, 'other')
  await run({ steps: 1, runFolder: folder })
  const wider = { ...config, intermediate_size: 48 }
  await expect(run({ config: wider, resume: true, runFolder: folder })).rejects.toThrow(/must be F32 \[96,32\]/)
  writeFileSync(join(checkpointFolder(folder), 'training_state.json'), '{"version": 0}')
  await expect(run({ resume: true, runFolder: folder })).rejects.toThrow(/version 1, got 0/)
})

test('a training state whose numbers are damaged is refused by field', async () => {
  const folder = join(root, 'damaged')
  await run({ steps: 1, runFolder: folder })
  const path = join(checkpointFolder(folder), 'training_state.json')
  const good = JSON.parse(readFileSync(path, 'utf8'))
  const damage: [change: object, message: string][] = [
    [{ progress: undefined }, 'progress.step must be a whole number of at least 0, got nothing'],
    [{ progress: { ...good.progress, step: -1 } }, 'progress.step must be a whole number of at least 0, got -1'],
    [
      { progress: { ...good.progress, tokens: '64' } },
      'progress.tokens must be a whole number of at least 0, got "64"',
    ],
    [
      { progress: { ...good.progress, secondsElapsed: null } },
      'progress.secondsElapsed must be a number of at least 0, got null',
    ],
    [
      { progress: { ...good.progress, history: [null] } },
      'progress.history must be a list of numbers, got another list',
    ],
    [{ optimizerStep: 0.5 }, 'optimizerStep must be a whole number of at least 0, got 0.5'],
    [{ skipStep: { losses: [] } }, 'skipStep.gradNorms must be a list of numbers, got nothing'],
    [{ options: null }, 'options must be an object, got null'],
  ]
  for (const [change, message] of damage) {
    writeFileSync(path, JSON.stringify({ ...good, ...change }))
    await expect(run({ resume: true, runFolder: folder })).rejects.toThrow(`training_state.json: ${message}`)
  }
})

test('a timed run repeats exactly from the progress it recorded', async () => {
  const folder = join(root, 'timed')
  const timed = await run({ runFolder: folder, options: { horizon: { minutes: 0.005 } } })
  expect(timed.summary.stopped).toBe(false)
  // the clock may strike after the last step has told its share
  expect(timed.metrics.at(-1)!.fractionDone).toBeCloseTo(1, 1)
  const { progress } = JSON.parse(readFileSync(join(checkpointFolder(folder), 'training_state.json'), 'utf8'))
  const again = await run({ options: { horizon: { progress: progress.history } } })
  expect(again.metrics.map(learnt)).toEqual(timed.metrics.map(learnt))
})

test('memory does not grow with the number of steps', async () => {
  const used: number[] = []
  await run({ steps: 30, onStep: () => void used.push(memoryPool.stats().residentBytes) })
  // it may shrink: models of earlier tests are collected
  expect(used.filter((bytes, i) => i > 4 && bytes > used[i - 1])).toEqual([])
})
