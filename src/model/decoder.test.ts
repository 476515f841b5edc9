// Shapes: R rows, D width, V vocabulary.
import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope, Tape } from '../tensor/index.ts'
import { randomBatch } from '../testing/index.ts'
import { Rng } from '../util/index.ts'
import { parseConfig, type ModelConfig } from './config.ts'
import { Decoder, type ForwardOptions } from './decoder.ts'
import { preset } from './presets.ts'
import { withRouting } from './routingSpec.ts'

const micro = preset('micro').config
const exact: ForwardOptions = { compute: 'f32', residual: 'f32' }
const variants: [string, ModelConfig][] = [
  ['sparse', micro],
  ['experts in place of the dense MLP', withRouting(micro, 'shared=off')],
  ['norm first, in its place', withRouting(micro, 'shared=off,top-k=1')],
  ['norm first, beside it', withRouting(micro, 'norm-first=on,score=sigmoid,renormalise=off')],
  ['dense', parseConfig({ ...micro, enable_moe_block: false })],
  [
    'keys-are-values',
    parseConfig({
      ...{ ...micro, enable_moe_block: false, layer_types: undefined, num_hidden_layers: 3, num_attention_heads: 4 },
      ...{ num_key_value_heads: 2, head_dim: 8, global_head_dim: 16, num_global_key_value_heads: 1 },
      attention_k_eq_v: true,
    }),
  ],
  [
    'per-layer, shared',
    parseConfig({
      ...{ ...micro, enable_moe_block: false, num_hidden_layers: 5, hidden_size_per_layer_input: 6 },
      layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'sliding_attention', 'full_attention'],
      ...{ num_kv_shared_layers: 3, use_double_wide_mlp: true, vocab_size_per_layer_input: 300 },
      ...{ global_head_dim: 32, num_global_key_value_heads: undefined },
    }),
  ],
  [
    'Gemma 3',
    parseConfig({
      ...{ ...micro, model_type: 'gemma3_text', architectures: undefined, enable_moe_block: false },
      ...{ layer_types: undefined, num_hidden_layers: 3, sliding_window_pattern: 2, query_pre_attn_scalar: 8 },
      ...{
        rope_parameters: undefined,
        rope_scaling: { rope_type: 'linear', factor: 4 },
        use_bidirectional_attention: null,
      },
    }),
  ],
]

/** A model whose every weight is random, so that no gradient hides behind a symmetric start. */
function randomModel(config: ModelConfig, seed = 1): Decoder {
  const rng = new Rng(seed)
  const model = new Decoder(config).initialise(rng)
  for (const { parameter, role } of model.weights) {
    const data = parameter.data
    const isMatrix = role === 'matrix' || role === 'experts' || role === 'embedding' || role === 'router'
    for (let i = 0; i < data.length; i++) data[i] = isMatrix ? 0.2 * rng.normal() : 1 + 0.2 * rng.normal()
    parameter.touch()
  }
  return model
}

function lossOf(model: Decoder, batch: ReturnType<typeof randomBatch>, shape: { batch: number; time: number }): number {
  using _scope = memoryScope()
  const { rowLoss } = model.loss({ ...batch, ...shape }, batch.targets, exact)
  let [sum, count] = [0, 0]
  batch.targets.forEach((target, row) => {
    if (target < 0) return
    sum += rowLoss[row]
    count++
  })
  return sum / count
}

describe.each(variants)('the %s decoder', (_, config) => {
  const shape = { batch: 2, time: 16 }
  const batch = randomBatch(new Rng(5), { ...shape, vocab: config.vocab_size, documents: 2 })

  test('starts at a loss close to ln V', () => {
    const model = new Decoder(config).initialise(new Rng(1))
    expect(lossOf(model, batch, shape)).toBeCloseTo(Math.log(config.vocab_size), 1)
  })

  test('has the gradient of finite differences in every weight', () => {
    // The router's losses act through gradients only, so they are off where a loss is differenced; and all experts
    // are on, since a choice that changes is a jump.
    const smooth = { top_k_experts: config.num_experts, router_aux_loss_coef: 0, router_z_loss_coef: 0 }
    const model = randomModel(parseConfig({ ...config, ...smooth }))
    {
      using _scope = memoryScope()
      using tape = new Tape()
      tape.backward(model.loss({ ...batch, ...shape }, batch.targets, exact).loss)
    }
    const rng = new Rng(2)
    for (const { parameter } of model.weights) {
      const values = parameter.data
      const grad = parameter.grad!.data as Float32Array
      // along a random direction: one number tells of every element
      const direction = Float64Array.from(values, () => rng.normal())
      const slope = direction.reduce((sum, d, i) => sum + d * grad[i], 0)
      const start = values.slice()
      const step = 2e-3 / Math.sqrt(values.length)
      const lossAt = (t: number): number => {
        for (let i = 0; i < values.length; i++) values[i] = start[i] + t * direction[i]
        parameter.touch()
        return lossOf(model, batch, shape)
      }
      const difference = (lossAt(step) - lossAt(-step)) / (2 * step)
      lossAt(0)
      const scale = Math.sqrt(grad.reduce((sum, g) => sum + g * g, 0))
      expect(Math.abs(difference - slope), `${parameter.name}: ${difference} against ${slope}`).toBeLessThan(
        0.03 * Math.max(scale, Math.abs(slope)) + 2e-3,
      )
    }
  })

  test('never lets a later token change an earlier row', () => {
    const model = randomModel(config)
    const whole = { batch: 1, time: 24 }
    const first = randomBatch(new Rng(8), { ...whole, vocab: config.vocab_size })
    const losses = (ids: Int32Array): Float32Array => {
      using _scope = memoryScope()
      return model.loss({ ids, ...whole }, first.targets, exact).rowLoss.slice()
    }
    const before = losses(first.ids)
    for (const place of [1, 9, 23]) {
      const changed = first.ids.slice()
      changed[place] = (changed[place] + 1) % config.vocab_size
      const after = losses(changed)
      expect(after.subarray(0, place)).toEqual(before.subarray(0, place))
      if (place < 23) expect(after[place]).not.toBe(before[place])
    }
  })

  test('gives a packed document the losses it has alone', () => {
    const model = randomModel(config)
    using _scope = memoryScope()
    const packed = model.loss({ ...batch, ...shape }, batch.targets, exact).rowLoss
    for (const start of [0, 8, 16, 24]) {
      const slice = (array: Int32Array): Int32Array => array.slice(start, start + 8)
      const alone = model.loss({ ids: slice(batch.ids), batch: 1, time: 8 }, slice(batch.targets), exact).rowLoss
      alone.forEach((loss, row) => expect(loss).toBeCloseTo(packed[start + row], 4))
    }
  })

  test('computes the same gradients with activation checkpointing', () => {
    const gradients = (activationCheckpointing: boolean): Float32Array[] => {
      const model = randomModel(config)
      using _scope = memoryScope()
      using tape = new Tape()
      tape.backward(
        model.loss({ ...batch, ...shape }, batch.targets, { compute: 'bf16', activationCheckpointing }).loss,
      )
      return model.weights.map(({ parameter }) => (parameter.grad!.data as Float32Array).slice())
    }
    expect(gradients(true)).toEqual(gradients(false))
  })

  test('bf16 stays close to f32', () => {
    const model = randomModel(config)
    using _scope = memoryScope()
    const loss = (options: ForwardOptions): number =>
      model.loss({ ...batch, ...shape }, batch.targets, options).loss.item()
    const reference = loss(exact)
    expect(Math.abs(loss({ compute: 'bf16' }) / reference - 1)).toBeLessThan(0.03)
    expect(Math.abs(loss({ compute: 'bf16', residual: 'bf16' }) / reference - 1)).toBeLessThan(0.05)
  })
})

test('soft tokens get the gradient of finite differences, through the stream and through per-layer inputs', () => {
  const config = variants.find(([name]) => name === 'per-layer, shared')![1]
  const model = randomModel(config)
  const shape = { batch: 1, time: 12 }
  const batch = randomBatch(new Rng(6), { ...shape, vocab: config.vocab_size })
  const rows = Int32Array.of(2, 3, 7)
  const rng = new Rng(9)
  const values = Float32Array.from({ length: 3 * config.hidden_size }, () => rng.normal())
  const direction = values.map(() => rng.normal())
  const gradient = new Float32Array(values.length)
  const lossAt = (t: number): number => {
    using _scope = memoryScope()
    const moved = values.map((value, i) => value + t * direction[i])
    const soft = [{ rows, values: fromArray(moved, [3, config.hidden_size], { requiresGrad: t === 0 }) }]
    using tape = new Tape()
    const { loss, rowLoss } = model.loss({ ...batch, ...shape, soft }, batch.targets, exact)
    if (t === 0) {
      tape.backward(loss)
      gradient.set(soft[0].values.grad!.floats)
    }
    return rowLoss.reduce((sum, each) => sum + each, 0) / batch.targets.filter((target) => target >= 0).length
  }
  lossAt(0)
  const slope = gradient.reduce((sum, g, i) => sum + g * direction[i], 0)
  const difference = (lossAt(1e-3) - lossAt(-1e-3)) / 2e-3
  expect(Math.abs(slope)).toBeGreaterThan(0.01)
  expect(Math.abs(difference / slope - 1)).toBeLessThan(0.03)
})

test('image blocks are for models that let pictures see themselves both ways', () => {
  const shape = { batch: 1, time: 12 }
  const ids = randomBatch(new Rng(6), { ...shape, vocab: micro.vocab_size }).ids
  const blockEnd = new Int32Array(12).fill(-1).fill(8, 3, 9)
  const hidden = (config: ModelConfig, input: { blockEnd?: Int32Array }): Float32Array => {
    using _scope = memoryScope()
    return randomModel(config)
      .forward({ ids, ...shape, ...input }, exact)
      .hidden.toFloat32()
  }
  const causal = parseConfig({ ...micro, use_bidirectional_attention: null })
  expect(hidden(causal, { blockEnd })).toEqual(hidden(causal, {}))
  expect(hidden(micro, { blockEnd })).not.toEqual(hidden(micro, {}))
})

test('rotary tables grow with the text and give an early row what it had', () => {
  const config = parseConfig({ ...micro, max_position_embeddings: 2048 })
  const model = randomModel(config)
  const ids = randomBatch(new Rng(6), { batch: 1, time: 700, vocab: config.vocab_size }).ids
  const row = (time: number): Float32Array => {
    using _scope = memoryScope()
    return model
      .forward({ ids: ids.slice(0, time), batch: 1, time }, exact)
      .hidden.toFloat32()
      .slice(0, 32)
  }
  const first = row(20)
  expect(row(700)).toEqual(first)
  expect(row(20)).toEqual(first)
})

test('input that does not fit is refused by name and number', () => {
  const model = new Decoder(micro)
  const ids = new Int32Array(8)
  expect(() => model.forward({ ids, batch: 2, time: 5 })).toThrow('batch*time = 2*5 entries, got 8')
  expect(() => model.forward({ ids: ids.fill(320), batch: 1, time: 8 })).toThrow('in [0, 320), got 320')
  expect(() => model.forward({ ids: new Int32Array(33), batch: 1, time: 33 })).toThrow('(32), got 33')
})
