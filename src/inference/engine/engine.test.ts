// The engine against the plain model: every text must be the one that `generatePlainly` writes alone, whatever is asked of
// the engine beside it. In f32 on a tiny model, so that the whole text is compared, not its likelihood.
import { afterEach, describe, expect, test } from 'vitest'
import { Decoder, parseConfig, preset } from '../../model/index.ts'
import { Rng } from '../../util/index.ts'
import type { Engine, EngineEvent, EngineRequest } from '../engineTypes.ts'
import { generatePlainly } from '../generate.ts'
import { createEngine } from './engine.ts'
import type { EngineOptions } from './options.ts'

const config = parseConfig({ ...preset('micro').config, max_position_embeddings: 1024 })
const model = new Decoder(config).initialise(new Rng(1))
const ids = (count: number, salt = 37): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => (i * salt + ((i * i) % 7) + salt) % config.vocab_size)

const engines: Engine[] = []
function newEngine(options: EngineOptions = {}): Engine {
  const engine = createEngine(model, { compute: 'f32', cacheBytes: 2 ** 24, ...options })
  engines.push(engine)
  return engine
}
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close()
})

async function alone(prompt: Int32Array, maxTokens: number): Promise<number[]> {
  const drawn: number[] = []
  const options = { maxTokens, temperature: 0, compute: 'f32', rng: new Rng(0) } as const
  for await (const id of generatePlainly(model, prompt, options)) drawn.push(id)
  return drawn
}

async function collect(stream: AsyncIterable<EngineEvent>): Promise<EngineEvent[]> {
  const events: EngineEvent[] = []
  for await (const event of stream) events.push(event)
  return events
}

const tokensOf = (events: EngineEvent[]): number[] =>
  events.flatMap((event) => (event.type === 'token' ? [event.id] : []))
const finishOf = (events: EngineEvent[]) => events.flatMap((event) => (event.type === 'finish' ? [event] : []))[0]
const greedy = (prompt: Int32Array, maxTokens: number): EngineRequest => ({
  ...{ prompt: { ids: prompt }, maxTokens, sampling: { temperature: 0 } },
})

describe('texts', () => {
  test('of requests side by side, in chunks of any size, are those written alone', async () => {
    const prompts = [3, 1, 40, 130, 9, 77].map((count, i) => ids(count, 11 + 2 * i))
    const want = await Promise.all(prompts.map((prompt) => alone(prompt, 12)))
    for (const chunk of [7, 64, 512]) {
      const engine = newEngine({ chunk })
      const got = await Promise.all(prompts.map((prompt) => collect(engine.generate(greedy(prompt, 12)))))
      expect(got.map(tokensOf)).toEqual(want)
      expect(got.map(finishOf).map(({ usage }) => usage.promptTokens)).toEqual(prompts.map(({ length }) => length))
    }
  })

  test('of the same prompt again, and of one that goes on from it, come from the cache and are the same', async () => {
    const engine = newEngine({ chunk: 32 })
    const first = ids(200)
    const once = await collect(engine.generate(greedy(first, 10)))
    expect(finishOf(once).usage.cachedTokens).toBe(0)
    const again = await collect(engine.generate(greedy(first, 10)))
    expect(finishOf(again).usage.cachedTokens).toBe(199)
    expect(tokensOf(again)).toEqual(tokensOf(once))
    const followUp = Int32Array.from([...first, ...tokensOf(once), 5, 6, 7])
    const next = await collect(engine.generate(greedy(followUp, 10)))
    expect(finishOf(next).usage.cachedTokens).toBe(209)
    expect(tokensOf(next)).toEqual(await alone(followUp, 10))
  })

  test('end at a stop token, at maxTokens and at the end of the context', async () => {
    const engine = newEngine()
    const free = await alone(ids(20), 8)
    const stopped = await collect(engine.generate({ ...greedy(ids(20), 8), stopIds: [free[3]] }))
    expect(tokensOf(stopped)).toEqual(free.slice(0, free.indexOf(free[3])))
    expect(finishOf(stopped).reason).toBe('stop')
    const full = await collect(engine.generate(greedy(ids(1020), 50)))
    expect(tokensOf(full)).toHaveLength(5)
    expect(finishOf(full).reason).toBe('length')
    const none = await collect(engine.generate(greedy(ids(20), 0)))
    expect(tokensOf(none)).toEqual([])
  })

  test('with a seed are the same whatever is in the batch', async () => {
    const engine = newEngine({ chunk: 16 })
    const request = (seed: number): EngineRequest => ({ prompt: { ids: ids(30) }, maxTokens: 20, sampling: { seed } })
    const one = tokensOf(await collect(engine.generate({ ...request(5), keepPrefix: false })))
    const many = await Promise.all([3, 5, 9].map((seed) => collect(engine.generate(request(seed)))))
    expect(tokensOf(many[1])).toEqual(one)
    expect(tokensOf(many[0])).not.toEqual(one)
  })
})

describe('pages', () => {
  test('go back when everything has ended, also after cancelling', async () => {
    const engine = newEngine({ chunk: 16, cacheBytes: 2 ** 22 })
    const stop = new AbortController()
    const running = [ids(100), ids(300, 7), ids(50, 3)].map((prompt, i) =>
      collect(engine.generate({ ...greedy(prompt, 30), keepPrefix: false }, i === 1 ? stop.signal : undefined)),
    )
    setImmediate(() => {
      stop.abort()
    })
    const results = await Promise.allSettled(running)
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    for await (const event of engine.generate({ ...greedy(ids(80), 30), keepPrefix: false })) {
      if (event.type === 'token') break
    }
    const { pages, running: open, waiting } = await engine.stats()
    expect({ open, waiting, used: pages.used, kept: pages.kept }).toEqual({ open: 0, waiting: 0, used: 0, kept: 0 })
  })

  test('are too few for all: some wait, some are read again, and every text is as alone', async () => {
    const prompts = Array.from({ length: 6 }, (_, i) => ids(120 + 31 * i, 5 + 2 * i))
    const want = await Promise.all(prompts.map((prompt) => alone(prompt, 40)))
    const engine = newEngine({ chunk: 64, cacheBytes: 250_000 })
    const got = await Promise.all(prompts.map((prompt) => collect(engine.generate(greedy(prompt, 40)))))
    expect(got.map(tokensOf)).toEqual(want)
    expect((await engine.stats()).pages.used).toBe(0)
  })
})
