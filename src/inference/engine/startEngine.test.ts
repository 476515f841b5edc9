// An engine in its thread: the same answers as in this one, requests that vanish, threads that die.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Decoder, parseConfig, preset } from '../../model/index.ts'
import { Rng } from '../../util/index.ts'
import type { EngineEvent, EngineRequest } from '../engineTypes.ts'
import { createEngine } from './engine.ts'
import { EngineFailedError, EngineFullError } from './errors.ts'
import { startEngine, type ThreadedEngine } from './startEngine.ts'

const config = parseConfig({ ...preset('micro').config, max_position_embeddings: 1024 })
const options = { compute: 'f32', maxRunning: 4, maxWaiting: 2, buffer: 8 } as const
const request = (count: number, maxTokens: number): EngineRequest => ({
  prompt: { ids: Int32Array.from({ length: count }, (_, i) => (i * 37) % config.vocab_size) },
  ...{ maxTokens, sampling: { temperature: 0 } },
})

let engine: ThreadedEngine
beforeAll(async () => {
  engine = await startEngine({ config, seed: 1, options })
})
afterAll(() => engine.close())

async function text(stream: AsyncIterable<EngineEvent>): Promise<number[]> {
  const ids: number[] = []
  for await (const event of stream) if (event.type === 'token') ids.push(event.id)
  return ids
}

test('answers as the engine in the calling thread does', async () => {
  const local = createEngine(new Decoder(config).initialise(new Rng(1)), options)
  expect(await text(engine.generate(request(50, 30)))).toEqual(await text(local.generate(request(50, 30))))
  const prompts = [request(20, 0).prompt, request(70, 0).prompt]
  expect(await engine.embed(prompts)).toEqual(await local.embed(prompts))
  expect([engine.contextTokens, engine.vocabSize]).toEqual([1024, config.vocab_size])
  await local.close()
})

test('a reader that stops reading stops the writing, and one that leaves frees its pages', async () => {
  const stream = engine.generate(request(10, 900))
  for (let i = 0; i < 3; i++) await stream[Symbol.asyncIterator]().next()
  let written = -1
  for (let before = -2; before !== written;) {
    before = written
    await new Promise((resolve) => setTimeout(resolve, 50))
    written = (await engine.stats()).tokens.output
  }
  expect((await engine.stats()).running).toBe(1)
  await (stream[Symbol.asyncIterator]() as AsyncIterator<EngineEvent>).return?.()
  await expect.poll(async () => (await engine.stats()).running).toBe(0)
  expect((await engine.stats()).pages.used).toBe(0)
})

test('errors keep their class, their message and their hint', async () => {
  await expect(text(engine.generate(request(1025, 1)))).rejects.toThrow('prompt must be at most 1024 tokens')
  const waiting = Array.from({ length: 9 }, () => engine.generate(request(10, 900)))
  const firsts = await Promise.allSettled(waiting.map((stream) => stream[Symbol.asyncIterator]().next()).slice(6))
  expect(firsts.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect((firsts[0] as PromiseRejectedResult).reason).toBeInstanceOf(EngineFullError)
  for (const stream of waiting) await (stream[Symbol.asyncIterator]() as AsyncIterator<EngineEvent>).return?.()
})

test('a thread that dies fails what it served, and the next request is served', async () => {
  const before = await text(engine.generate(request(40, 10)))
  const lost = text(engine.generate(request(40, 500)))
  const stats = engine.stats()
  await stats
  await engine.thread.terminate()
  await expect(lost).rejects.toBeInstanceOf(EngineFailedError)
  expect(await text(engine.generate(request(40, 10)))).toEqual(before)
  expect(engine.restarts).toBe(1)
})

test('what was pinned is pinned again by the thread that comes after, unless it was unpinned or its time is over', async () => {
  const pinned = request(300, 0).prompt
  const other = { ids: Int32Array.from({ length: 90 }, (_, i) => (i * 53 + 7) % config.vocab_size) }
  const kept = await engine.pin(pinned)
  await engine.pin(pinned, 1e7)
  const gone = await engine.pin(other)
  await engine.pin(other, 0.001)
  expect(kept.tokens).toBe(300)
  await engine.unpin(gone.id)
  await engine.thread.terminate()
  await expect.poll(async () => (await engine.stats()).prefix.pinned).toBe(1)
  const { ids } = request(310, 0).prompt
  const cached = async (): Promise<number> => {
    const events = await Array.fromAsync(engine.generate({ prompt: { ids }, maxTokens: 1, keepPrefix: false }))
    return events.flatMap((event) => (event.type === 'finish' ? [event.usage.cachedTokens] : []))[0]
  }
  expect(await cached()).toBe(300)
  // names go on to mean what they did
  await engine.unpin(kept.id)
  await expect.poll(async () => (await engine.stats()).prefix.pinned).toBe(1)
  await engine.thread.terminate()
  await expect.poll(async () => (await engine.stats()).prefix.pinned).toBe(1)
  expect(await cached()).toBe(300)
})

test('a model that cannot be loaded is said to whoever starts it', async () => {
  await expect(startEngine({ folder: '/nowhere/at/all' })).rejects.toThrow('/nowhere/at/all')
})
