// Who read an answer, asked of a server with a real engine, against a plain pass over the same tokens.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEngine, type Engine } from '../../inference/index.ts'
import { Decoder, parseConfig, preset } from '../../model/index.ts'
import { chatTokenizer, tempFolder } from '../../testing/index.ts'
import { memoryScope } from '../../tensor/index.ts'
import { Rng } from '../../util/index.ts'
import { createChatService } from '../chat/service.ts'
import { openServer, type OpenedServer } from '../open.ts'
import { studioRoutes } from './routes.ts'
import type { About, ExpertTrace } from './wire.ts'

const tokenizer = chatTokenizer()
const sizes = { vocab_size: tokenizer.vocabSize, max_position_embeddings: 256 }
const config = parseConfig({ ...preset('micro').config, ...sizes, num_experts: 16 })
const dense = parseConfig({
  ...preset('micro').config,
  ...sizes,
  enable_moe_block: false,
  num_experts: 0,
  top_k_experts: 0,
})
const model = new Decoder(config).initialise(new Rng(3))
const folder = tempFolder()

let engines: Engine[]
let server: OpenedServer
beforeAll(async () => {
  const models = [model, new Decoder(dense).initialise(new Rng(4))]
  engines = models.map((each) => createEngine(each, { compute: 'f32', cacheBytes: 2 ** 24, chunk: 16 }))
  const served = { description: 'a test', created: 0, tokenizer, template: 'gemma' } as const
  const chat = createChatService([
    { id: 'sparse', engine: engines[0], ...served },
    { id: 'dense', engine: engines[1], ...served },
  ])
  const options = { version: '0', runsFolder: folder.file('runs'), engine: engines[0] }
  server = await openServer({
    ...{ chat, folder: folder.path },
    studio: { api: (app, deps) => studioRoutes(app, deps, options) },
  })
})
afterAll(async () => {
  await server.close(0)
  for (const engine of engines) await engine.close()
  folder[Symbol.dispose]()
})

const ask = (body: unknown) => fetch(`${server.url}/studio-api/experts`, { method: 'POST', body: JSON.stringify(body) })

const conversation = [
  { role: 'user', parts: [{ text: 'Hi' }] },
  { role: 'model', parts: [{ text: 'Hello.' }] },
  { role: 'user', parts: [{ text: 'And?' }] },
  { role: 'model', parts: [{ text: 'A fox, déjà vu' }] },
]

test('each token of a conversation has the experts of a plain pass, and its text', async () => {
  const response = await ask({ model: 'sparse', request: { contents: conversation } })
  expect(response.status).toBe(200)
  const trace = (await response.json()) as ExpertTrace
  const before = '<bos><|turn>user\nHi<turn|>\n<|turn>model\nHello.<turn|>\n<|turn>user\nAnd?<turn|>\n<|turn>model\n'
  const ids = Int32Array.from(tokenizer.encode(`${before}A fox, déjà vu`, { allowSpecial: true }))
  expect(trace.tokens.length).toBe(ids.length)
  expect(trace.tokens.slice(trace.answerStart).join('')).toBe('A fox, déjà vu')
  expect(trace.tokens.slice(-10)).toEqual([' ', 'd', '', 'é', 'j', '', 'à', ' ', 'v', 'u'])
  expect([trace.layers, trace.experts, trace.topK]).toEqual([[0, 1], 16, config.top_k_experts])
  using _scope = memoryScope()
  const { routings } = model.forward({ ids, batch: 1, time: ids.length }, { compute: 'f32' })
  expect(trace.chosen).toEqual(routings.map(({ indices }) => [...indices.ints]))
  routings.forEach(({ weights }, layer) => {
    expect(trace.weights[layer].length).toBe(weights.floats.length)
    weights.floats.forEach((weight, i) => {
      expect(trace.weights[layer][i]).toBeCloseTo(weight, 3)
    })
  })
})

test('a server says whether it can tell, and why a request cannot be told', async () => {
  const about = (await (await fetch(`${server.url}/studio-api/about`)).json()) as About
  expect(about).toMatchObject({ engine: true, experts: true })
  const wrong = [
    [{ model: 'dense', request: { contents: conversation } }, 400, 'has no experts'],
    [{ model: 'sparse', request: { contents: conversation.slice(0, 1) } }, 400, 'There must be an answer'],
    [{ model: 'elsewhere', request: { contents: conversation } }, 404, 'is not found'],
    [
      { model: 'sparse', request: { contents: [{ role: 'user', parts: [{ text: 'a'.repeat(300) }] }] } },
      400,
      'exceeds',
    ],
    [{ model: 'sparse', request: 3 }, 400, 'request: must be'],
    [{ request: {} }, 400, 'model: must be'],
    ['[', 400, 'must be an object'],
  ] as const
  for (const [body, status, message] of wrong) {
    const response = await ask(body)
    const { error } = (await response.json()) as { error: { code: number; message: string } }
    expect({ status: response.status, code: error.code }).toEqual({ status, code: status })
    expect(error.message).toContain(message)
  }
})
