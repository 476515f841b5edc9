// Passes of which only some rows' outputs are wanted, against passes that compute all.
import { describe, expect, test } from 'vitest'
import { Decoder, type ModelConfig, parseConfig, preset } from '../model/index.ts'
import { takeRows } from '../ops/index.ts'
import { memoryScope } from '../tensor/index.ts'
import { Rng } from '../util/index.ts'
import { KvCache, past } from './cache.ts'
import { step } from './prefill.ts'

const micro = { ...preset('micro').config, max_position_embeddings: 256 }
const shared = {
  ...{ enable_moe_block: false, num_hidden_layers: 4, num_kv_shared_layers: 2 },
  ...{ hidden_size_per_layer_input: 8, vocab_size_per_layer_input: 320 },
  layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'],
}
const configs: [string, ModelConfig][] = [
  ['plain', parseConfig(micro)],
  ['keys are values', parseConfig({ ...micro, attention_k_eq_v: true })],
  ['shared keys and per-layer inputs', parseConfig({ ...micro, ...shared })],
]

describe.each(configs)('rows that are wanted (%s)', (_, config) => {
  const model = new Decoder(config).initialise(new Rng(1))
  const ids = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => (i * 37) % 320)
  const [batch, time] = [2, 24]
  const caches = (): KvCache[] => Array.from({ length: batch }, () => new KvCache(config, { dtype: 'f32' }))

  /** Hidden states of `rows` of a second pass, and logits of a step after it. */
  function read(rows: number[] | undefined, whole: number[]): { hidden: Float32Array; next: Float32Array } {
    using _scope = memoryScope()
    const own = caches()
    const pass = { ids: ids(batch * time), batch, time }
    model.forward({ ...pass, past: past(own) }, { compute: 'f32' })
    const outputRows = rows && Int32Array.from(rows)
    const { hidden } = model.forward({ ...pass, past: past(own), outputRows }, { compute: 'f32' })
    const chosen = outputRows ? hidden : takeRows(hidden, Int32Array.from(whole))
    const result = {
      hidden: Float32Array.from(chosen.floats),
      next: Float32Array.from(step(model, own, Int32Array.of(3, 4), 'f32')),
    }
    for (const cache of own) cache.release()
    return result
  }

  test.each([[[5, 23, 24, 47]], [[23, 47]], [[] as number[]]])('rows %j are those of a whole pass', (rows) => {
    const [some, all] = [read(rows, rows), read(undefined, rows)]
    expect(some.hidden).toHaveLength(rows.length * config.hidden_size)
    for (const part of ['hidden', 'next'] as const) {
      some[part].forEach((value, i) => {
        expect(Math.abs(value - all[part][i])).toBeLessThan(2e-5)
      })
    }
  })
})

test('rows that are none, or not as many of each sequence, are refused', () => {
  using _scope = memoryScope()
  const model = new Decoder(configs[0][1]).initialise(new Rng(1))
  using one = new KvCache(model.config)
  using other = new KvCache(model.config)
  const input = { ids: new Int32Array(8), batch: 2, time: 4, past: past([one, other]) }
  const forward = (...rows: number[]) => model.forward({ ...input, outputRows: Int32Array.from(rows) })
  expect(() => forward(1, 8)).toThrow('outputRows must rise within [0, 8), got 8 at 1')
  expect(() => forward(3, 3)).toThrow('got 3 at 1')
  expect(() => forward(1)).toThrow('as many of each sequence, got 1, 0')
  expect(() => model.forward({ ...input, past: undefined, outputRows: Int32Array.of(1) })).toThrow('with a past')
})
