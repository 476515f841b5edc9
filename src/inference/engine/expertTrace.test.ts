// Who read which token, as the engine tells it, against one plain pass over the whole text: however the prompt was cut, what was
// served beside it, guessed ahead, found in the cache, or read again for want of pages.
import { describe, expect, test } from 'vitest'
import { Decoder, parseConfig, preset } from '../../model/index.ts'
import { engineBench } from '../../testing/index.ts'
import { memoryScope } from '../../tensor/index.ts'
import { Rng } from '../../util/index.ts'
import type { Engine, EngineEvent, EngineRequest } from '../engineTypes.ts'
import { createEngine } from './engine.ts'
import { startEngine } from './startEngine.ts'

const { config, model, ids, newEngine, closeLater } = engineBench({ num_experts: 16 })
const [layers, topK] = [config.num_hidden_layers, config.top_k_experts]

interface Trace {
  from: number
  experts: number[]
  weights: number[]
  text: number[]
}

/** The told pieces as one, which must follow each other. */
async function trace(engine: Engine, request: EngineRequest): Promise<Trace> {
  const events: EngineEvent[] = []
  for await (const event of engine.generate(request)) events.push(event)
  const pieces = events.filter((event) => event.type === 'experts')
  let next = pieces[0]?.from ?? 0
  for (const { from, experts } of pieces) {
    expect(from).toBe(next)
    next += experts.length / (layers * topK)
  }
  return {
    from: pieces[0]?.from ?? 0,
    experts: pieces.flatMap(({ experts }) => [...experts]),
    weights: pieces.flatMap(({ weights }) => [...weights]),
    text: [...request.prompt.ids, ...events.flatMap((event) => (event.type === 'token' ? [event.id] : []))],
  }
}

/** The same of one pass without cache or engine, tokens `from` to `to`. */
function plainly(text: readonly number[], from: number, to: number): Pick<Trace, 'experts' | 'weights'> {
  using _scope = memoryScope()
  const input = { ids: Int32Array.from(text), batch: 1, time: text.length }
  const { routings } = model.forward(input, { compute: 'f32' })
  const of = (token: number, kind: 'indices' | 'weights') =>
    routings.flatMap((routing) => {
      const values = kind === 'indices' ? routing.indices.ints : routing.weights.floats
      return [...values.subarray(token * topK, (token + 1) * topK)]
    })
  const tokens = Array.from({ length: to - from }, (_, i) => from + i)
  return {
    experts: tokens.flatMap((token) => of(token, 'indices')),
    weights: tokens.flatMap((token) => of(token, 'weights')),
  }
}

function expectPlain({ from, experts, weights, text }: Trace, to: number): void {
  const want = plainly(text, from, to)
  expect(experts).toEqual(want.experts)
  expect(weights.length).toBe(want.weights.length)
  weights.forEach((weight, i) => {
    expect(weight).toBeCloseTo(want.weights[i], 4)
  })
}

const request = (prompt: Int32Array, maxTokens: number, more: Partial<EngineRequest> = {}): EngineRequest => ({
  ...{ prompt: { ids: prompt }, maxTokens, sampling: { temperature: 0 }, experts: { prompt: true } },
  ...more,
})

describe('experts of the tokens', () => {
  test('of prompts and answers side by side, in chunks of any size, are those of a plain pass', async () => {
    for (const chunk of [7, 64, 512]) {
      const engine = newEngine({ chunk })
      const silent = trace(engine, request(ids(50, 5), 12, { experts: undefined }))
      const traces = await Promise.all([3, 1, 90, 33].map((count, i) => trace(engine, request(ids(count, 11 + i), 12))))
      for (const each of traces) {
        expect(each.from).toBe(0)
        // nothing was drawn behind the last
        expectPlain(each, each.text.length - 1)
      }
      expect((await silent).experts).toEqual([])
    }
  })

  test('of an answer alone go on from a cached prompt; those of the prompt are read anew', async () => {
    const engine = newEngine({ chunk: 32 })
    const prompt = ids(100)
    const first = await trace(engine, request(prompt, 9, { experts: { prompt: false } }))
    expect(first.from).toBe(100)
    expectPlain(first, 108)
    const again = await trace(engine, request(prompt, 9, { experts: { prompt: false } }))
    expect(again).toEqual(first)
    expect((await engine.stats()).prefix.hitTokens).toBe(99)
    const whole = await trace(engine, request(Int32Array.from(first.text), 0))
    expectPlain(whole, 109)
  })

  test('of an answer that a stop token ends are those of all its tokens', async () => {
    const engine = newEngine()
    const free = (await trace(engine, request(ids(20), 8))).text.slice(20)
    const stopIds = [free.at(-1)!]
    const stopped = await trace(engine, request(ids(20), 8, { stopIds }))
    expect(stopped.text.length).toBeLessThan(28)
    expectPlain(stopped, stopped.text.length)
  })

  test('leave guesses out that were wrong, and hold those that were right', async () => {
    const engine = newEngine()
    const prompt = Int32Array.from({ length: 60 }, (_, i) => i % 5)
    const told = await trace(engine, request(prompt, 150, { experts: { prompt: false } }))
    expectPlain(told, 209)
    const { drafted, accepted } = (await engine.stats()).tokens
    expect([accepted > 0, drafted > accepted]).toEqual([true, true])
  })

  test('are told once, also where pages were too few and a text was read again', async () => {
    const engine = newEngine({ chunk: 64, cacheBytes: 300_000 })
    const traces = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        trace(engine, request(ids(20 + 7 * i, 5 + 2 * i), 300, { experts: { prompt: i % 2 === 0 } })),
      ),
    )
    for (const each of traces) expectPlain(each, each.text.length - 1)
    const once = traces.reduce((sum, { text }) => sum + text.length - 300, 0)
    expect((await engine.stats()).tokens.prompt).toBeGreaterThan(once)
  })

  test('cross the thread of an engine, with the shape of the model', async () => {
    const engine = closeLater(await startEngine({ config, seed: 1, options: { compute: 'f32' } }))
    expectPlain(await trace(engine, request(ids(40), 5)), 44)
    expect(engine.experts).toEqual({ layers: [...Array(layers).keys()], count: 16, topK })
    expect(newEngine().experts).toEqual(engine.experts)
  })

  test('are none in a dense model', async () => {
    const dense = parseConfig({ ...preset('micro').config, enable_moe_block: false, num_experts: 0, top_k_experts: 0 })
    const engine = closeLater(createEngine(new Decoder(dense).initialise(new Rng(1)), { compute: 'f32' }))
    expect(engine.experts).toBe(null)
  })
})
