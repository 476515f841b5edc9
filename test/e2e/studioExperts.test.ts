// A model with experts behind the server, and an answer of its own coloured in a browser: nothing is written down beforehand.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEngine, type Engine } from '../../src/inference/index.ts'
import { Decoder, parseConfig, preset } from '../../src/model/index.ts'
import {
  createChatService,
  ensureStudio,
  type ExpertTrace,
  openServer,
  type OpenedServer,
  studioDist,
  studioRoutes,
} from '../../src/serve/index.ts'
import { memoryScope } from '../../src/tensor/index.ts'
import { chatTokenizer, tempFolder } from '../../src/testing/index.ts'
import { Rng } from '../../src/util/index.ts'
import { findChromium, openBrowser } from './browser.ts'

const chromium = findChromium()
if (chromium === undefined) {
  process.stderr.write('studio: experts not tested, no Chromium on PATH (apt-get install chromium)\n')
}

const tokenizer = chatTokenizer()
const config = parseConfig({
  ...preset('micro').config,
  ...{ vocab_size: tokenizer.vocabSize, max_position_embeddings: 512, num_experts: 16 },
})
const model = new Decoder(config).initialise(new Rng(5))

describe.skipIf(chromium === undefined)('an answer of a real model', () => {
  const folder = tempFolder()
  let engine: Engine
  let server: OpenedServer
  let browser: Browser
  beforeAll(async () => {
    expect(['ready', 'built']).toContain(await ensureStudio(() => {}))
    engine = createEngine(model, { compute: 'f32', cacheBytes: 2 ** 24 })
    const served = { id: 'sparse', description: 'a test', created: 0, engine, tokenizer, template: 'gemma' } as const
    server = await openServer({
      ...{ chat: createChatService([served]), engine, folder: folder.path },
      studio: {
        folder: studioDist,
        api: (app, deps) => studioRoutes(app, deps, { version: '0', runsFolder: folder.file('runs'), engine }),
      },
    })
    browser = await openBrowser(chromium!)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close(1)
    await engine?.close()
    folder[Symbol.dispose]()
  })

  it('has each token on the colour of the expert of a plain pass, in every layer, and the live load counts it', async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
    await page.goto(server.url)
    await page.getByLabel('Most tokens').fill('40')
    await page.getByRole('textbox', { name: 'Message' }).fill('Which expert?')
    await page.keyboard.press('Enter')
    await page.locator('.figures').waitFor()
    const told = page.waitForResponse(/studio-api\/experts/)
    await page.getByRole('button', { name: 'Experts that read it' }).click()
    const response = await told
    const trace = (await response.json()) as ExpertTrace
    const { request } = response.request().postDataJSON() as {
      request: { contents: { parts: { text: string }[] }[] }
    }
    const [question, answer] = request.contents.map(({ parts }) => parts.map(({ text }) => text).join(''))
    const before = [...tokenizer.encode(`<bos><|turn>user\n${question}<turn|>\n<|turn>model\n`, { allowSpecial: true })]
    // a turn is trimmed when it is read
    const ids = Int32Array.from([...before, ...tokenizer.encode(answer.trim())])
    expect([trace.tokens.length, trace.answerStart]).toEqual([ids.length, before.length])
    using _scope = memoryScope()
    const { routings } = model.forward({ ids, batch: 1, time: ids.length }, { compute: 'f32' })
    const topK = config.top_k_experts
    const shown = () =>
      page
        .locator('.token')
        .evaluateAll((spans: { dataset: { expert: string } }[]) => spans.map(({ dataset }) => Number(dataset.expert)))
    await page.locator('.token').first().waitFor()
    await page.keyboard.press('ArrowLeft')
    for (const [layer, { indices }] of routings.entries()) {
      await page.getByText(`Experts of layer ${layer}`).waitFor()
      const first = [...indices.ints].filter((_, i) => i % topK === 0)
      expect(await shown()).toEqual(first.slice(before.length))
      await page.keyboard.press('ArrowRight')
    }
    await page.getByRole('radio', { name: 'Load' }).check()
    const { expertLoad } = await engine.stats()
    for (const load of expertLoad) {
      const rows = load.reduce((sum, count) => sum + count, 0)
      expect(rows).toBeGreaterThanOrEqual(ids.length * topK)
    }
    await page.locator('.heat canvas').focus()
    await page.keyboard.press('ArrowRight')
    await page.getByText(`Layer 0, expert 1: ${expertLoad[0][1]} rows`).waitFor()
    await page.close()
  })
})
