import { describe, expect, test } from 'vitest'
import { Decoder, keyValueBytes, type ModelConfig, parseConfig, preset } from '../model/index.ts'
import { memoryScope, Tape } from '../tensor/index.ts'
import { Rng } from '../util/index.ts'
import { KvCache, past } from './cache.ts'
import { PagePool } from './pagePool.ts'
import { prefill, step } from './prefill.ts'
import { type Prompt, promptChunks } from './prompt.ts'

const micro = preset('micro').config
const long = parseConfig({ ...micro, max_position_embeddings: 4096 })
const model = new Decoder(long).initialise(new Rng(1))
const ids = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => (i * 37) % micro.vocab_size)

/** A pass without a model: rows count as written. */
function fill(cache: KvCache, tokens: number, chunk = 512): void {
  for (let done = 0; done < tokens; done += chunk) {
    const time = Math.min(chunk, tokens - done)
    cache.reserve(time)
    cache.advance(time)
  }
  cache.trim()
}

describe('memory', () => {
  const shared = {
    ...{ enable_moe_block: false, num_hidden_layers: 4, num_kv_shared_layers: 2 },
    layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'],
  }
  const configs: [string, ModelConfig][] = [
    ['plain', parseConfig({ ...micro, max_position_embeddings: 2 ** 20 })],
    ['keys are values', parseConfig({ ...micro, max_position_embeddings: 2 ** 20, attention_k_eq_v: true })],
    ['shared keys', parseConfig({ ...micro, ...shared, max_position_embeddings: 2 ** 20 })],
  ]

  test.each(configs)('is what the formula says, in every dtype (%s)', (_, config) => {
    for (const dtype of ['f32', 'bf16', 'int8'] as const) {
      using cache = new KvCache(config, { dtype })
      fill(cache, 100_000)
      const formula = keyValueBytes(config, 100_000, dtype)
      expect(cache.bytes).toBeGreaterThanOrEqual(formula)
      expect(cache.bytes / formula).toBeLessThan(1.01)
    }
  })

  test('grows with use and goes back to its pool', () => {
    const pool = new PagePool()
    const caches = [new KvCache(long, { pool }), new KvCache(long, { pool })]
    fill(caches[0], 10)
    const few = pool.usedBytes
    fill(caches[0], 2000)
    fill(caches[1], 300)
    expect(pool.usedBytes).toBe(caches[0].bytes + caches[1].bytes)
    expect(caches[0].bytes).toBeGreaterThan(4 * few)
    const [used, idle] = [caches[0].bytes, pool.idleBytes]
    caches[0].release()
    expect(pool.usedBytes).toBe(caches[1].bytes)
    expect(pool.idleBytes).toBe(idle + used)
    fill(caches[1], 1000)
    expect(pool.idleBytes).toBeLessThan(idle + used)
    caches[1].release()
    pool.trim()
    expect([pool.usedBytes, pool.idleBytes]).toEqual([0, 0])
  })

  test('of sliding layers is that of the window, whatever the depth', () => {
    using cache = new KvCache(long)
    const sliding = cache.pages(0)
    fill(cache, 64)
    const early = sliding.bytes
    fill(cache, 1, 1)
    for (let i = 0; i < 500; i++) {
      fill(cache, 1, 1)
      expect(sliding.bytes).toBeLessThanOrEqual(2 * early) // a window of 8 reaches into two pages at most
      expect(cache.length - sliding.start).toBeGreaterThanOrEqual(long.sliding_window - 1)
    }
  })
})

describe('reading and writing', () => {
  test('a prompt in chunks of any size, then tokens one by one, give one and the same logits', async () => {
    const whole = ids(700)
    const results: Float32Array[] = []
    for (const chunk of [16, 100, 512, 4096]) {
      using cache = new KvCache(long, { dtype: 'f32' })
      await prefill(model, cache, { ids: whole.subarray(0, 690) }, { compute: 'f32', chunk })
      let logits = new Float32Array(0)
      for (let i = 690; i < 700; i++) logits = new Float32Array(step(model, [cache], whole.subarray(i, i + 1), 'f32'))
      results.push(logits)
    }
    for (const other of results.slice(1)) {
      other.forEach((value, i) => {
        expect(Math.abs(value - results[0][i])).toBeLessThan(2e-5)
      })
    }
  })

  test('a pass that fails leaves the cache as it was', async () => {
    using cache = new KvCache(long, { dtype: 'f32' })
    using calm = new KvCache(long, { dtype: 'f32' })
    for (const each of [cache, calm]) await prefill(model, each, { ids: ids(40) }, { compute: 'f32' })
    const pass = past([cache]).open(3)
    expect(() => pass.layer(5)).not.toThrow()
    expect(cache.length).toBe(40)
    const next = Int32Array.of(9)
    expect(step(model, [cache], next, 'f32')).toEqual(step(model, [calm], next, 'f32'))
  })

  test('only what fits is read, and sizes are named', async () => {
    const small = new Decoder(micro).initialise(new Rng(1))
    using cache = new KvCache(micro)
    await expect(prefill(small, cache, { ids: ids(33) })).rejects.toThrow(
      'prefill: prompt must be at most 32 tokens (max_position_embeddings), got 33',
    )
    await prefill(small, cache, { ids: ids(30) })
    await expect(prefill(small, cache, { ids: ids(3) })).rejects.toThrow('at most 2 tokens behind the 30 read before')
    step(small, [cache], Int32Array.of(1))
    step(small, [cache], Int32Array.of(1))
    expect(() => step(small, [cache], Int32Array.of(1))).toThrow('got 32 and 1 to come')
    await expect(prefill(small, cache, { ids: ids(0) })).rejects.toThrow('at least 1 token, got 0')
  })

  test('a reader can be stopped between two chunks and go on later', async () => {
    using cache = new KvCache(long, { dtype: 'f32' })
    using whole = new KvCache(long, { dtype: 'f32' })
    const stop = new AbortController()
    const prompt = { ids: ids(100) }
    const options = { compute: 'f32', chunk: 32 } as const
    const onProgress = (done: number): void => {
      if (done === 50) stop.abort()
    }
    await expect(prefill(model, cache, prompt, { ...options, onProgress, signal: stop.signal })).rejects.toThrow(
      'abort',
    )
    expect(cache.length).toBe(50)
    const rest = await prefill(model, cache, { ids: prompt.ids.subarray(50) }, options)
    expect(rest).toEqual(await prefill(model, whole, prompt, options))
  })

  test('a tape, documents of their own and cut image blocks are refused', () => {
    using _scope = memoryScope()
    using cache = new KvCache(long)
    const input = { ids: ids(4), batch: 1, time: 4, past: past([cache]) }
    expect(() => model.forward({ ...input, segmentStart: new Int32Array(4) })).toThrow('must be left out with a past')
    expect(() => model.forward({ ...input, batch: 2, time: 2 })).toThrow('past must be of batch = 2 sequences, got 1')
    expect(() => model.forward({ ...input, blockEnd: Int32Array.of(0, 1, 4, 4) })).toThrow(
      'image blocks must end inside the pass of 4 rows, got one to row 4',
    )
    {
      using _tape = new Tape()
      expect(() => model.forward(input)).toThrow('must run outside of a tape')
    }
    expect(cache.length).toBe(0)
  })
})

describe('chunks of a prompt', () => {
  const cut = (prompt: Prompt, size: number): number[] =>
    [...promptChunks(prompt, size)].map(({ ids: part }) => part.length)

  test('are about equal where nothing stands in the way, and none is above the size', () => {
    expect(cut({ ids: ids(10) }, 4)).toEqual([4, 3, 3])
    expect(cut({ ids: ids(3) }, 4)).toEqual([3])
  })

  test('never end inside a picture or a sound, and take their media along', () => {
    const blockEnd = Int32Array.from({ length: 20 }, (_, i) => (i >= 3 && i <= 6 ? 6 : i))
    expect(cut({ ids: ids(20), blockEnd }, 4)).toEqual([7, 4, 3, 3, 3])
    const span = (start: number, count: number) => ({ start, count, features: new Float32Array(count) })
    const prompt = { ids: ids(20), blockEnd, sounds: [span(7, 5), span(12, 3)], pictures: [span(3, 4)] }
    const chunks = [...promptChunks(prompt, 4)]
    expect(chunks.map((part) => part.ids.length)).toEqual([7, 5, 4, 4])
    expect(chunks.map(({ sounds }) => sounds!.map(({ start }) => start))).toEqual([[], [0], [0], []])
    expect(chunks.map(({ pictures }) => pictures!.map(({ start }) => start))).toEqual([[3], [], [], []])
    expect([...chunks[1].blockEnd!]).toEqual([0, 1, 2, 3, 4])
  })
})
