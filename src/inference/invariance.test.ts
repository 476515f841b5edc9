// A row has the same bits however a text was cut, whatever is computed beside it, and wherever its pages begin: what makes
// a seed mean a text, a cached prefix mean the text without a cache, and a checked guess mean the token itself.
import { describe, expect, test } from 'vitest'
import { Decoder, type ModelConfig, parseConfig, preset } from '../model/index.ts'
import { memoryScope } from '../tensor/index.ts'
import { Rng } from '../util/index.ts'
import { KvCache } from './cache.ts'
import { PagePool } from './pagePool.ts'
import { raggedInput } from './raggedPass.ts'

const micro = { ...preset('micro').config, max_position_embeddings: 4096 }
const shared = {
  ...{ enable_moe_block: false, num_hidden_layers: 4, num_kv_shared_layers: 2 },
  ...{ hidden_size_per_layer_input: 8, vocab_size_per_layer_input: 320 },
  layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'],
}
const configs: [string, ModelConfig][] = [
  ['plain', parseConfig(micro)],
  ['a wide window, keys are values', parseConfig({ ...micro, sliding_window: 600, attention_k_eq_v: true })],
  ['shared keys and per-layer inputs', parseConfig({ ...micro, ...shared })],
]
const ids = (count: number, salt = 37): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => (i * salt + salt) % 320)

interface Text {
  cache: KvCache
  ids: Int32Array
}

/** Logits of the last `wanted` rows of each text after one pass that reads `rows` more of it. */
function pass(model: Decoder, compute: 'f32' | 'bf16', texts: [Text, rows: number, wanted: number][]): Float32Array {
  using _scope = memoryScope()
  const parts = texts.map(([{ cache, ids: all }, rows]) => ({
    ...{ cache, rows: { ids: all.subarray(cache.length, cache.length + rows) } },
  }))
  const outputRows: number[] = []
  let end = 0
  for (const [, rows, wanted] of texts) {
    end += rows
    for (let i = end - wanted; i < end; i++) outputRows.push(i)
  }
  const { hidden } = model.forward(raggedInput(parts, Int32Array.from(outputRows)), { compute })
  for (const [{ cache }, rows] of texts) cache.advance(rows)
  return model.logits(hidden)
}

describe.each(configs)('bits of a row (%s)', (_, config) => {
  const model = new Decoder(config).initialise(new Rng(3))

  test.each([
    ['f32', 'f32'],
    ['bf16', 'bf16'],
    ['bf16', 'int8'],
  ] as const)('are those of any other way to read, computed in %s and kept in %s', (compute, dtype) => {
    const pool = new PagePool()
    const begin = (text: Int32Array): Text => ({ cache: new KvCache(config, { dtype, pool }), ids: text })
    const [length, tail] = [2300, 6]
    const text = ids(length)
    const read = (each: Text, chunk: number, to: number): void => {
      while (each.cache.length < to) pass(model, compute, [[each, Math.min(chunk, to - each.cache.length), 0]])
    }
    // in one piece to where the tail begins, then the tail token by token
    const first = begin(text)
    read(first, 4096, length - tail)
    const want: Float32Array[] = []
    for (let i = 0; i < tail; i++) want.push(pass(model, compute, [[first, 1, 1]]))
    const vocab = config.vocab_size

    // in odd pieces, and the tail at once: as guesses are checked
    const second = begin(text)
    read(second, 331, length - tail)
    const atOnce = pass(model, compute, [[second, tail, tail]])
    for (let i = 0; i < tail; i++) expect(atOnce.subarray(i * vocab, (i + 1) * vocab)).toEqual(want[i])

    // going on from a copy, after others have written behind it, in a batch with rows of all sizes
    const third = begin(text)
    read(third, 500, length - tail)
    const copies = [third.cache.fork(), third.cache.fork()]
    const [other, short] = [begin(ids(900, 11)), begin(ids(40, 5))]
    pass(model, compute, [
      [other, 300, 1],
      [third, 2, 1],
      [short, 7, 0],
    ])
    for (let i = 0; i < tail; i++) {
      const copy = { cache: copies[0], ids: text }
      const logits = pass(model, compute, [
        [short, 1, 1],
        [copy, 1, 1],
        [other, 77, 0],
      ])
      expect(logits.subarray(vocab)).toEqual(want[i])
    }
    for (const { cache } of [first, second, third, other, short]) cache.release()
    for (const cache of copies) cache.release()
    expect(pool.usedBytes).toBe(0)
  })
})

describe('a copy of a cache', () => {
  const config = parseConfig(micro)
  const model = new Decoder(config).initialise(new Rng(3))

  test('costs nothing until one of the two goes on where the other has written', () => {
    const pool = new PagePool()
    const text: Text = { cache: new KvCache(config, { dtype: 'f32', pool }), ids: ids(400) }
    pass(model, 'f32', [[text, 300, 0]])
    const before = pool.usedBytes
    const copy = text.cache.fork()
    expect(pool.usedBytes).toBe(before)
    expect(text.cache.growth(10)).toBe(0)
    pass(model, 'f32', [[text, 10, 0]])
    expect(pool.usedBytes).toBe(before)
    const growth = copy.growth(10)
    expect(growth).toBeGreaterThan(0)
    pass(model, 'f32', [[{ cache: copy, ids: text.ids }, 10, 0]])
    expect(pool.usedBytes).toBe(before + growth)
    text.cache.release()
    expect(pool.usedBytes).toBe(copy.bytes)
    copy.release()
    expect(pool.usedBytes).toBe(0)
  })

  test('in one pass with its original writes pages of its own', () => {
    const pool = new PagePool()
    const text: Text = { cache: new KvCache(config, { dtype: 'f32', pool }), ids: ids(400) }
    pass(model, 'f32', [[text, 300, 0]])
    const copy: Text = { cache: text.cache.fork(), ids: ids(400, 11) }
    const alone: Text = { cache: text.cache.fork(), ids: text.ids }
    pass(model, 'f32', [
      [text, 4, 1],
      [copy, 4, 1],
    ])
    pass(model, 'f32', [[alone, 4, 1]])
    const after = [text, alone].map((each) => pass(model, 'f32', [[each, 1, 1]]))
    expect(after[0]).toEqual(after[1])
    for (const { cache } of [text, copy, alone]) cache.release()
    expect(pool.usedBytes).toBe(0)
  })

  test('goes on from what was kept where guesses were wrong', () => {
    const pool = new PagePool()
    const text: Text = { cache: new KvCache(config, { dtype: 'f32', pool }), ids: ids(400) }
    const calm: Text = { cache: new KvCache(config, { dtype: 'f32', pool }), ids: ids(400) }
    for (const each of [text, calm]) pass(model, 'f32', [[each, 60, 0]])
    const kept = text.cache.fork()
    {
      using _scope = memoryScope()
      model.forward(
        raggedInput([{ cache: text.cache, rows: { ids: Int32Array.of(ids(400)[60], 9, 9, 9) } }], new Int32Array(0)),
        {
          compute: 'f32',
        },
      )
      text.cache.advance(1)
    }
    pass(model, 'f32', [[calm, 1, 0]])
    expect(pass(model, 'f32', [[text, 3, 1]])).toEqual(pass(model, 'f32', [[calm, 3, 1]]))
    const again = { cache: kept, ids: text.ids }
    expect(pass(model, 'f32', [[again, 4, 1]])).toHaveLength(320)
    expect(pass(model, 'f32', [[again, 1, 1]])).toEqual(pass(model, 'f32', [[text, 1, 1]]))
    for (const cache of [text.cache, calm.cache, kept]) cache.release()
    expect(pool.usedBytes).toBe(0)
  })
})
