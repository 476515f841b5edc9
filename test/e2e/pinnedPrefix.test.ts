// A cached content outlives the thread that had read it: the engine is real, its weights as they were drawn.
import { GoogleGenAI } from '@google/genai'
import { expect, it } from 'vitest'
import { startEngine } from '../../src/inference/index.ts'
import { parseConfig, preset } from '../../src/model/index.ts'
import { scriptedServer, tokenizer } from './scriptedServer.ts'

it('a cached content is found again after the thread that had read it died, until it is deleted', async () => {
  const config = parseConfig({
    ...preset('micro').config,
    vocab_size: tokenizer.vocabSize,
    max_position_embeddings: 1024,
  })
  const engine = await startEngine({ config, seed: 1, options: { cacheBytes: 2 ** 24 } })
  await using server = await scriptedServer(['unused'], { model: { engine } })
  const client = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: server.url } })
  const systemInstruction = 'You count the stones of the garden wall, and you name them. '.repeat(6)
  const cache = await client.caches.create({ model: 'scripted', config: { systemInstruction, ttl: '600s' } })
  const ask = async (): Promise<{ text?: string; cached?: number }> => {
    const answer = await client.models.generateContent({
      ...{ model: 'scripted', contents: 'How many?' },
      config: { cachedContent: cache.name, maxOutputTokens: 12, seed: 5 },
    })
    return { text: answer.text, cached: answer.usageMetadata?.cachedContentTokenCount }
  }
  const pinned = async (): Promise<number> => (await engine.stats()).prefix.pinned
  const before = await ask()
  expect(before.cached).toBeGreaterThanOrEqual(cache.usageMetadata!.totalTokenCount!)

  await engine.thread.terminate()
  await expect.poll(pinned).toBe(1)
  expect(await ask()).toEqual(before)

  await client.caches.delete({ name: cache.name! })
  expect(await pinned()).toBe(0)
  await engine.thread.terminate()
  expect(await pinned()).toBe(0)
  await engine.close()
})
