// The engine against the plain model: every text must be the one that `generatePlainly` writes alone, whatever is asked of
// the engine beside it. In f32 on a tiny model, so that the whole text is compared, not its likelihood.
import { describe, expect, test } from 'vitest'
import { engineBench } from '../../testing/index.ts'
import { Rng } from '../../util/index.ts'
import type { EngineEvent, EngineRequest } from '../engineTypes.ts'
import { generatePlainly, lastLogits } from '../generate.ts'

const { model, ids, newEngine } = engineBench()

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

describe('what is told beside the text', () => {
  test('log-probabilities are those of a pass over the whole text, of the prompt too', async () => {
    const engine = newEngine({ chunk: 16 })
    const prompt = ids(50)
    await collect(engine.generate(greedy(prompt, 4)))
    const events = await collect(engine.generate({ ...greedy(prompt, 4), logprobs: { top: 3, prompt: true } }))
    const text = [...prompt, ...tokensOf(events)]
    const logprobs = [
      ...finishOf(events).promptLogprobs!,
      ...events.flatMap((event) => (event.type === 'token' ? [{ id: event.id, logprob: event.logprob! }] : [])),
    ]
    expect(logprobs.map(({ id }) => id)).toEqual(text.slice(1))
    logprobs.forEach(({ id, logprob }, i) => {
      const logits = lastLogits(model, text.slice(0, i + 1), 'f32')
      const norm = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0))
      expect(logprob).toBeCloseTo(logits[id] - norm, 4)
    })
    const first = events.find((event) => event.type === 'token')!
    expect(first.top).toHaveLength(3)
    expect(first.top![0]).toEqual({ id: first.id, logprob: first.logprob })
  })

  test('a grammar of ranges gives one token of each and stops', async () => {
    const engine = newEngine()
    const ranges = [
      [5, 6],
      [40, 80],
      [100, 101],
    ] as const
    const events = await collect(engine.generate({ ...greedy(ids(9), 50), grammar: { kind: 'ranges', ranges } }))
    const text = tokensOf(events)
    expect([text[0], text[2], text.length, finishOf(events).reason]).toEqual([5, 100, 3, 'stop'])
    expect(text[1] >= 40 && text[1] < 80).toBe(true)
  })

  test('embeddings have length 1 and do not know each other; a pinned prefix stays, and is found', async () => {
    const engine = newEngine({ chunk: 16 })
    const prompts = [{ ids: ids(40) }, { ids: ids(9, 5) }]
    const both = await engine.embed(prompts)
    expect([await engine.embed([prompts[1]])][0][0]).toEqual(both[1])
    for (const each of both) expect(Math.hypot(...each)).toBeCloseTo(1, 5)
    const { id, tokens } = await engine.pin({ ids: ids(100) })
    expect(tokens).toBe(100)
    const events = await collect(engine.generate(greedy(Int32Array.from([...ids(100), 4, 5]), 2)))
    expect(finishOf(events).usage.cachedTokens).toBe(100)
    expect((await engine.stats()).prefix.pinned).toBe(1)
    await engine.unpin(id)
    expect((await engine.stats()).prefix.pinned).toBe(0)
  })

  test('a prompt that the model refuses fails alone', async () => {
    const engine = newEngine()
    const wrong = {
      ...greedy(ids(5), 3),
      prompt: { ids: ids(5), sounds: [{ start: 1, count: 9, features: new Float32Array(9) }] },
    }
    const results = await Promise.allSettled([wrong, greedy(ids(7), 3)].map((each) => collect(engine.generate(each))))
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  })

  test('guesses are made and some are right where a text repeats itself', async () => {
    const engine = newEngine()
    const prompt = Int32Array.from({ length: 60 }, (_, i) => i % 5)
    const text = tokensOf(await collect(engine.generate(greedy(prompt, 150))))
    expect(text).toEqual(await alone(prompt, 150))
    const { drafted, accepted } = (await engine.stats()).tokens
    expect([drafted > 0, accepted >= 0]).toEqual([true, true])
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
    // more than the room that a sequence is promised when it starts
    const want = await Promise.all(prompts.map((prompt) => alone(prompt, 200)))
    const engine = newEngine({ chunk: 64, cacheBytes: 250_000 })
    const got = await Promise.all(prompts.map((prompt) => collect(engine.generate(greedy(prompt, 200)))))
    expect(got.map(tokensOf)).toEqual(want)
    const { pages, preemptions } = await engine.stats()
    expect(pages.used).toBe(0)
    expect(preemptions).toBeGreaterThan(0)
  })
})
