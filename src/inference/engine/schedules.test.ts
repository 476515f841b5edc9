// Random schedules: requests with common beginnings come, are read slowly or left, are cancelled, while memory is short and
// guesses are made. Every text that ends must be the one written alone, and every page must come back.
import { describe, expect, test } from 'vitest'
import { Decoder, parseConfig, preset } from '../../model/index.ts'
import { Rng } from '../../util/index.ts'
import type { Engine, EngineRequest } from '../engineTypes.ts'
import { createEngine } from './engine.ts'

const config = parseConfig({ ...preset('micro').config, max_position_embeddings: 512 })
const model = new Decoder(config).initialise(new Rng(1))

function randomIds(rng: Rng, count: number): number[] {
  // few different tokens, so that guesses are made and some are right
  return Array.from({ length: count }, () => rng.integer(12))
}

function randomRequest(rng: Rng, beginnings: number[][]): EngineRequest {
  const beginning = beginnings[rng.integer(beginnings.length)]
  const cut = rng.uniform() < 0.3 ? rng.integer(beginning.length) : beginning.length
  const ids = Int32Array.from([...beginning.slice(0, cut), ...randomIds(rng, 1 + rng.integer(20))])
  const isGreedy = rng.uniform() < 0.5
  return {
    prompt: { ids },
    maxTokens: 1 + rng.integer(40),
    stopIds: rng.uniform() < 0.3 ? [3] : [],
    sampling: isGreedy ? { temperature: 0 } : { temperature: 0.8, topK: 40, topP: 0.95, seed: rng.integer(1000) },
    keepPrefix: rng.uniform() < 0.8,
  }
}

async function textOf(engine: Engine, request: EngineRequest): Promise<number[]> {
  const ids: number[] = []
  for await (const event of engine.generate(request)) if (event.type === 'token') ids.push(event.id)
  return ids
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Reads an answer as some reader would; null if it is left before its end. */
async function readSomehow(engine: Engine, request: EngineRequest, rng: Rng): Promise<number[] | null> {
  await turns(rng.integer(30))
  const leaves = rng.uniform()
  const stop = new AbortController()
  if (leaves < 0.15) void turns(1 + rng.integer(30)).then(() => stop.abort())
  const leaveAt = leaves > 0.15 && leaves < 0.3 ? rng.integer(20) : Infinity
  const pace = rng.uniform() < 0.3 ? rng.integer(4) : 0
  const ids: number[] = []
  try {
    for await (const event of engine.generate(request, stop.signal)) {
      if (event.type === 'token') ids.push(event.id)
      if (ids.length > leaveAt) return null
      await turns(pace)
    }
  } catch (error) {
    if (stop.signal.aborted) return null
    throw error
  }
  return ids
}

describe.each([1, 2, 3, 4])('schedule %i', (seed) => {
  test('gives the texts that each request gets alone, and every page back', async () => {
    const rng = new Rng(seed)
    const beginnings = [20, 90, 200, 330].map((count) => randomIds(rng, count))
    beginnings.push([...beginnings[1], ...randomIds(rng, 60)])
    const requests = Array.from({ length: 24 }, () => randomRequest(rng, beginnings))
    const plain = createEngine(model, { compute: 'f32', speculate: 0, chunk: 512 })
    const want: number[][] = []
    for (const request of requests) want.push(await textOf(plain, { ...request, keepPrefix: false }))
    await plain.close()

    const engine = createEngine(model, {
      ...{ compute: 'f32', cacheBytes: 300_000, maxRunning: 6, chunk: 16 + rng.integer(60), checkpointEvery: 64 },
      ...{ buffer: 1 + rng.integer(8), maxLongReads: 1 },
    })
    const rngs = requests.map(() => new Rng(rng.uint32()))
    const got = await Promise.all(requests.map((request, i) => readSomehow(engine, request, rngs[i])))
    got.forEach((text, i) => {
      if (text !== null) expect(text).toEqual(want[i])
    })
    expect(got.filter((text) => text !== null).length).toBeGreaterThan(8)
    const { running, waiting, pages, prefix, tokens } = await engine.stats()
    expect({ running, waiting, used: pages.used, lost: pages.lost }).toEqual({
      running: 0,
      waiting: 0,
      used: 0,
      lost: 0,
    })
    expect(pages.kept).toBeLessThanOrEqual(pages.total)
    expect(prefix.hitTokens).toBeGreaterThan(0)
    expect(tokens.drafted).toBeGreaterThan(0)
    await engine.close()
    expect((await engine.stats()).pages).toMatchObject({ used: 0, kept: 0 })
  })
})
