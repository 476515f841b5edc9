// What an upcycled model computes at first is what the dense one computes, in all three forms; then it learns on.
import { describe, expect, test } from 'vitest'
import { memoryScope, Tape } from '../tensor/index.ts'
import { randomBatch } from '../testing/index.ts'
import { Rng } from '../util/index.ts'
import { Decoder, loadModel, type Model, preset, saveModel, upcycle, withRouting } from './index.ts'
import { tempFolder } from '../testing/index.ts'

const shape = { batch: 2, time: 32, vocab: 320 }
const batch = randomBatch(new Rng(3), shape)
const width = 32

/** A dense model whose norms, output factors and layers differ from their first values. */
function denseModel(): Decoder {
  const rng = new Rng(1)
  const config = withRouting(preset('micro').config, `experts=0,shared=${width}`)
  const model = new Decoder(config).initialise(rng)
  for (const { parameter } of model.weights) {
    for (let i = 0; i < parameter.size; i++) parameter.data[i] *= 1 + 0.3 * rng.normal()
    // losses of a model that has learnt nothing are all alike
    if (parameter.shape.length > 1) for (let i = 0; i < parameter.size; i++) parameter.data[i] *= 5
    parameter.touch()
  }
  model.blocks[0].layerScalar = 0.5
  return model
}

function lossOf(model: Model): { loss: number; rows: Float32Array } {
  using _scope = memoryScope()
  const { loss, rowLoss } = model.loss({ ...batch, ...shape }, batch.targets, { compute: 'f32' })
  return { loss: loss.item(), rows: rowLoss }
}

const dense = denseModel()
const before = lossOf(dense)

describe.each([
  ['beside the dense MLP', 'experts=4,top-k=2'],
  ['in its place', 'experts=4,top-k=2,shared=off'],
  ['in its place, one a token', 'experts=4,top-k=1,shared=off,norm-first=off'],
  ['in its place, each under the norm', 'experts=4,top-k=2,shared=off,norm-first=on'],
  ['beside the dense MLP, one a token', 'experts=4,top-k=1'],
  ['in its place, sigmoid weights as they are', 'experts=4,top-k=3,shared=off,score=sigmoid,renormalise=off'],
  ['narrower, beside the dense MLP', `experts=4,top-k=2,expert-width=${width / 4}`],
])('experts %s', (_, routing) => {
  const sparse = upcycle(dense, routing, { rng: new Rng(2) })

  test('give every row the loss that the dense model gives it', () => {
    const { loss, rows } = lossOf(sparse)
    expect(Math.abs(loss - before.loss)).toBeLessThan(3e-4)
    rows.forEach((row, i) => expect(Math.abs(row - before.rows[i])).toBeLessThan(5e-3))
    expect(Math.max(...before.rows) - Math.min(...before.rows)).toBeGreaterThan(1)
  })

  test('have gradients that can part them', () => {
    using _scope = memoryScope()
    using tape = new Tape()
    const { loss } = sparse.loss({ ...batch, ...shape }, batch.targets, { compute: 'f32' })
    tape.backward(loss)
    const moves = (name: RegExp): boolean =>
      sparse.weights.some(
        ({ parameter }) => name.test(parameter.name) && parameter.gradient().floats.some((g) => g !== 0),
      )
    // narrow experts are behind a factor of 0, which is the first to move
    expect(moves(/experts|layers.*post_feedforward_layernorm_2/)).toBe(true)
    expect(moves(/router.proj/)).toBe(true)
    for (const { parameter } of sparse.weights) parameter.zeroGrad()
  })
})

test.each(['score=softmax', 'score=sigmoid'])(
  'one expert a token in its place begins near the dense loss, %s',
  (score) => {
    const sparse = upcycle(dense, `experts=4,top-k=1,shared=off,${score}`, { rng: new Rng(2) })
    expect(sparse.textConfig.routing).toMatchObject({ norm_first: true, renormalise: false })
    expect(Math.abs(lossOf(sparse).loss - before.loss)).toBeLessThan(0.05)
  },
)

test('experts together hold every unit of the dense MLP, whatever their width', () => {
  const sparse = upcycle(dense, 'experts=5,expert-width=8', { rng: new Rng(2) }) as Decoder
  const experts = sparse.blocks[1].sparse!.experts
  const mlp = dense.blocks[1].mlp!
  const columns = (data: Float32Array, count: number, rows: number, cols: number): string[] =>
    Array.from({ length: count * cols }, (_, at) => {
      const [e, col] = [Math.floor(at / cols), at % cols]
      return Array.from({ length: rows }, (_, row) => data[(e * rows + row) * cols + col]).join()
    })
  const held = columns(experts.down.parameter.data, 5, 32, 8)
  const wanted = columns(mlp.down.parameter.data, 1, 32, width)
  expect(new Set(held)).toEqual(new Set(wanted))
  expect(held.slice(0, width)).toEqual(wanted)
})

test('noise sets experts apart and moves the loss little', () => {
  const sparse = upcycle(dense, 'experts=4', { rng: new Rng(2), noise: 0.01 }) as Decoder
  const { data, shape: sizes } = sparse.blocks[0].sparse!.experts.down.parameter
  const size = sizes[1] * sizes[2]
  expect([...data.subarray(0, size)]).not.toEqual([...data.subarray(size, 2 * size)])
  expect(Math.abs(lossOf(sparse).loss - before.loss)).toBeLessThan(0.05)
  expect(lossOf(dense).loss).toBe(before.loss)
})

test('an upcycled model is saved and read like any other', () => {
  using folder = tempFolder()
  const sparse = upcycle(dense, 'experts=4,shared=off', { rng: new Rng(2) }) as Decoder
  saveModel(folder.path, sparse, { dtype: 'f32' })
  expect(lossOf(loadModel(folder.path)).loss).toBe(lossOf(sparse).loss)
})

test.each([
  ['experts=0', 'upcycle: routing must give the model experts, got experts=0'],
  ['', 'a dense model must be given experts=N'],
  ['experts=4,shared=16', "upcycle: shared must be off or the dense MLP's 32, got 16"],
  ['experts=4,shared=off,expert-width=16', 'must be as wide as the dense MLP, 32, where no dense MLP is kept; got 16'],
  ['experts=4,top-k=1,shared=off,expert-scale=off', 'expert-scale must be on where weights of norm-first'],
  ['experts=4,expert-width=64', 'must be as wide as the dense MLP, 32, or less; got 64'],
])('refuses %j', (routing, message) => {
  expect(() => upcycle(dense, routing, { rng: new Rng(0) })).toThrow(message)
})

test('refuses a model that has experts', () => {
  const sparse = new Decoder(preset('micro').config)
  expect(() => upcycle(sparse, 'experts=4', { rng: new Rng(0) })).toThrow('must be dense, got one with 4 experts')
})
