// The studio in a real browser against the real server; only the model behind it is written down beforehand.
//
// POLLUX_SCREENSHOTS=docs/images writes the pictures of docs/studio.md on the way.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ensureStudio, openServer, type OpenedServer, studioDist, studioRoutes } from '../../src/serve/index.ts'
import { tempFolder } from '../../src/testing/index.ts'
import { findChromium, openBrowser } from './browser.ts'
import { ScriptedChat } from './scriptedChat.ts'
import { demoAnswers, demoEngine, demoTrace, disc } from './studioDemo.ts'

const chromium = findChromium()
if (chromium === undefined) {
  process.stderr.write('studio: not tested, no Chromium on PATH (apt-get install chromium, or set POLLUX_CHROMIUM)\n')
}

/** A run folder as training leaves it. */
function writeTestRun(folder: string, name: string, steps: number, finished: boolean): void {
  mkdirSync(join(folder, name), { recursive: true })
  const lines = Array.from({ length: steps }, (_, i) => metricsLine(i + 1, steps, finished ? 1.2 : 1))
  writeFileSync(join(folder, name, 'metrics.jsonl'), lines.join(''))
  const outcome = { step: steps, tokens: 2048 * steps, seconds: steps, lossBitsPerByte: 1.3, tokensPerSecond: 2048 }
  const record = {
    ...{ pollux: '0.1.0', name, createdAt: `2026-01-0${name.length % 9}T10:00:00.000Z` },
    request: { data: [], world: {}, preset: 'nano', batch: 4 },
    ...(finished ? { outcome: { ...outcome, parameters: 12_000_000, stopped: false } } : {}),
  }
  writeFileSync(join(folder, name, 'run.json'), JSON.stringify(record))
}

function metricsLine(step: number, steps: number, end = 1): string {
  const wobble = Math.sin(step * 12.9898) * 0.06
  const loss = end + 3.4 * Math.exp(-step / (30 * end)) + wobble
  const load = Array.from({ length: 6 }, (_, l) =>
    Array.from({ length: 16 }, (_, e) => Math.round(256 * (1 + Math.exp(-step / 40) * Math.sin(3 * e + l)))),
  )
  return `${JSON.stringify({
    ...{ step, tokens: 2048 * step, lossBitsPerByte: loss, loss, gradNorm: 1 + Math.abs(wobble), expertTokens: load },
    ...(step % 50 === 0 ? { valBitsPerByte: loss + 0.05 } : {}),
    ...{ learningRate: 0.02 * Math.min(1, step / 10), tokensPerSecond: 2000 + 900 * wobble, mfu: 0.4 + wobble },
    ...{ balance: 0.3 + Math.exp(-step / 40), secondsElapsed: step, fractionDone: step / steps },
  })}\n`
}

describe.skipIf(chromium === undefined)('the studio', () => {
  const [runFolder, fileFolder] = [tempFolder(), tempFolder()]
  const chat = new ScriptedChat({ answers: demoAnswers, paceMs: 8, experts: demoTrace })
  let server: OpenedServer
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let runs: string
  let problems: string[]

  beforeAll(async () => {
    const state = await ensureStudio(() => {})
    expect(['ready', 'built']).toContain(state)
    runs = runFolder.path
    writeTestRun(runs, 'amber', 300, true)
    writeTestRun(runs, 'birch', 240, false)
    const engine = demoEngine()
    server = await openServer({
      chat,
      folder: fileFolder.path,
      studio: {
        folder: studioDist,
        api: (app, deps) => studioRoutes(app, deps, { version: '0.1.0', runsFolder: runs, engine }),
      },
    })
    browser = await openBrowser(chromium!)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close(1)
    runFolder[Symbol.dispose]()
    fileFolder[Symbol.dispose]()
  })

  beforeEach(async () => {
    problems = []
    context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' })
    page = await context.newPage()
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    page.on('request', (request) => {
      if (!request.url().startsWith(server.url) && !/^(data|blob):/.test(request.url())) problems.push(request.url())
    })
    await page.goto(server.url)
    await page.getByRole('heading', { name: 'Talk to scripted' }).waitFor()
  })
  afterEach(async () => {
    await context.close()
    expect(problems).toEqual([])
  })

  const ask = async (text: string) => {
    await page.getByRole('textbox', { name: 'Message' }).fill(text)
    await page.keyboard.press('Enter')
  }
  const answers = () => page.getByRole('article', { name: 'Model' })
  const finished = (count = 1) => expect.poll(() => page.locator('.figures').count(), { timeout: 20_000 }).toBe(count)
  const picture = async (name: string, mouseAway = true) => {
    const folder = process.env.POLLUX_SCREENSHOTS
    if (folder === undefined || folder === '') return
    if (mouseAway) await page.mouse.move(0, 0)
    await page.waitForTimeout(600)
    await page.screenshot({ path: join(folder, `studio-${name}.png`) })
  }

  it('streams an answer, folds its thoughts, lays out its Markdown and tells what it cost', async () => {
    await ask('How does a mixture of experts work?')
    await page.getByRole('button', { name: 'Stop' }).waitFor()
    await finished()
    const answer = answers().first()
    expect(await answer.locator('.markdown li').count()).toBe(3)
    expect(await answer.locator('table').innerText()).toContain('48 M')
    expect(await answer.locator('.thought .markdown').isVisible()).toBe(false)
    await answer.getByText('Thoughts').click()
    expect(await answer.locator('.thought').innerText()).toContain('I keep it short')
    await answer.getByText('Thoughts').click()
    expect(await answer.locator('.figures').innerText()).toMatch(/tokens read.*written.*tokens\/s.*first after/s)
    await picture('chat')
  })

  it('stops an answer, keeps what was written, and cancels the work behind', async () => {
    const before = chat.cancelled
    await ask('Please count')
    await expect.poll(() => answers().first().innerText()).toContain('1 2 3')
    await page.keyboard.press('Escape')
    await page.getByText('Stopped.').waitFor()
    expect(await answers().first().innerText()).toContain('1 2 3')
    expect(await answers().first().innerText()).not.toContain('400')
    await expect.poll(() => chat.cancelled).toBe(before + 1)
  })

  it('writes an answer again, edits a question, walks between the versions, and finds all after a reload', async () => {
    await ask('Tell me a story')
    await finished()
    const first = await answers().first().locator('.markdown').innerText()
    await page.getByRole('button', { name: 'Write again' }).click()
    await expect
      .poll(() =>
        answers()
          .first()
          .locator('.branches')
          .innerText()
          .catch(() => ''),
      )
      .toContain('2/2')
    expect(await answers().first().locator('.markdown').innerText()).not.toBe(first)
    await page.getByRole('button', { name: 'Version before' }).click()
    expect(await answers().first().locator('.markdown').innerText()).toBe(first)
    await page.getByRole('button', { name: 'Edit' }).first().click()
    await page.getByRole('textbox', { name: 'Edit your message' }).fill('Say yes')
    await page.keyboard.press('Enter')
    await expect
      .poll(() =>
        answers()
          .first()
          .locator('.markdown')
          .innerText()
          .catch(() => ''),
      )
      .toBe('Yes.')
    await page.waitForTimeout(700)
    await page.reload()
    await expect
      .poll(() =>
        answers()
          .first()
          .locator('.markdown')
          .innerText()
          .catch(() => ''),
      )
      .toBe('Yes.')
    await page.getByRole('article', { name: 'You' }).getByRole('button', { name: 'Version before' }).click()
    expect(await answers().first().locator('.markdown').innerText()).toBe(first)
  })

  it('takes a picture that is dropped on it, shows it, and sends its bytes', async () => {
    const base64 = Buffer.from(disc()).toString('base64')
    const transfer = await page.evaluateHandle(`
      const bytes = Uint8Array.from(atob('${base64}'), (char) => char.charCodeAt(0))
      const dropped = new DataTransfer()
      dropped.items.add(new File([bytes], 'disc.png', { type: 'image/png' }))
      dropped`)
    await page.dispatchEvent('.talk', 'dragover', { dataTransfer: transfer })
    await page.getByText('Drop pictures').waitFor()
    await page.dispatchEvent('.talk', 'drop', { dataTransfer: transfer })
    await page.locator('.attachments img').waitFor()
    await ask('What is this?')
    await finished()
    const parts = chat.requests.at(-1)!.turns[0].parts
    expect(parts[0]).toMatchObject({ kind: 'media', mimeType: 'image/png' })
    expect(Buffer.from((parts[0] as { bytes: Uint8Array }).bytes).equals(Buffer.from(disc()))).toBe(true)
    await ask('Draw another')
    await finished(2)
    const drawn = answers().nth(1).locator('img')
    await expect.poll(() => drawn.evaluate((image: { naturalWidth: number }) => image.naturalWidth)).toBe(32)
    await picture('pictures')
  })

  it('asks for JSON of a schema, says what is wrong with a schema, and checks the answer', async () => {
    await page.getByText('Form of the answer').click()
    await page.getByRole('radio', { name: 'JSON' }).check()
    const field = page.getByRole('textbox', { name: 'JSON Schema' })
    const good = await field.inputValue()
    await field.fill('{ "type": "objekt" }')
    await page
      .getByText(/type: must be one of object/)
      .first()
      .waitFor()
    await ask('A score')
    await page.getByRole('alert').getByText('The schema of the answer').waitFor()
    expect(await answers().count()).toBe(0)
    await field.fill(good)
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText('Matches the schema').waitFor()
    expect(chat.requests.at(-1)!.format).toEqual({ kind: 'json', schema: JSON.parse(good) })
    await picture('json')
  })

  it('shows a call of a function, takes its result by hand, and goes on', async () => {
    await page.getByText('Functions', { exact: true }).click()
    await page.getByRole('switch', { name: 'Offer functions' }).check()
    await ask('How is the weather?')
    await page.getByRole('region', { name: 'Call of get_weather' }).waitFor()
    await page.getByRole('textbox', { name: 'Result' }).fill('{ "celsius": -4 }')
    await page.getByRole('button', { name: 'Send result' }).click()
    await page.getByText('It is cold in Oslo today.').waitFor()
    const { tools, turns } = chat.requests.at(-1)!
    expect(tools?.[0].name).toBe('get_weather')
    expect(turns.at(-1)!.parts[0]).toMatchObject({ kind: 'result', response: { celsius: -4 } })
    await picture('tools')
  })

  it('lets no text of a model run scripts or reach another machine', async () => {
    await ask('Some html')
    await finished()
    expect(await page.evaluate(`'broken' in globalThis`)).toBe(false)
    expect(await answers().first().locator('img, script').count()).toBe(0)
    // the browser says that it refused the handler
    problems = problems.filter((text) => !text.startsWith('Executing inline event handler violates'))
  })

  it('gives the code of the request for both SDKs and for curl', async () => {
    await ask('Say yes')
    await finished()
    await page.getByRole('button', { name: /Get code/ }).click()
    const code = page.locator('.get-code')
    expect(await code.innerText()).toContain(`baseUrl: '${server.url}'`)
    await page.getByRole('radio', { name: 'openai' }).check()
    expect(await code.innerText()).toContain('client.chat.completions.create')
    await page.getByRole('radio', { name: 'curl' }).check()
    expect(await code.innerText()).toContain(':streamGenerateContent?alt=sse')
    await picture('code')
    await page.keyboard.press('Escape')
    await expect.poll(() => code.count()).toBe(0)
  })

  it('renames a conversation, deletes it, and brings it back', async () => {
    await ask('Say yes')
    await finished()
    await page.getByRole('button', { name: 'Rename Say yes' }).click({ force: true })
    await page.getByRole('textbox', { name: 'Name of the conversation' }).fill('Agreement')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Delete Agreement' }).click({ force: true })
    await expect.poll(() => page.locator('.conversation').count()).toBe(0)
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect.poll(() => page.locator('.conversation-name').innerText()).toBe('Agreement')
  })

  it('draws runs, follows one that grows, and compares two', async () => {
    await page.keyboard.press('Escape')
    await page.goto(`${server.url}/#/runs/birch`)
    await page.getByText('live').first().waitFor()
    const step = page.locator('.tile').first()
    await expect.poll(() => step.innerText()).toContain('240')
    appendFileSync(join(runs, 'birch', 'metrics.jsonl'), metricsLine(241, 300))
    await expect.poll(() => step.innerText(), { timeout: 10_000 }).toContain('241')
    await page.getByRole('checkbox', { name: /amber/ }).check()
    await expect.poll(() => page.locator('.charts .u-legend').first().innerText()).toMatch(/birch.*amber/s)
    expect(await page.locator('.plot canvas').count()).toBe(6)
    await picture('runs')
  })

  it('colours the tokens of an answer by expert, and maps the load of all', async () => {
    await ask('How does a mixture of experts work?')
    await finished()
    await page.getByRole('button', { name: 'Experts that read it' }).click()
    await page.locator('.token').first().waitFor()
    const before = await page.locator('.token').first().getAttribute('data-expert')
    await page.keyboard.press('ArrowRight')
    await expect.poll(() => page.locator('.token').first().getAttribute('data-expert')).not.toBe(before)
    await page.locator('.token-text').focus()
    await page.keyboard.press('ArrowRight')
    await page.getByText(/token \d+, layer 4/).waitFor()
    const read = page.locator('.token.here')
    expect(await page.locator('.token-card li').first().innerText()).toMatch(
      new RegExp(`expert ${await read.getAttribute('data-expert')}\\s+0\\.\\d{3}`),
    )
    await page.locator('.token').nth(40).hover()
    await picture('experts', false)
    await page.getByRole('radio', { name: 'Load' }).check()
    await page.locator('.heat canvas').focus()
    await page.keyboard.press('ArrowRight')
    await page.getByText(/Layer 0, expert 1: .* of the even share/).waitFor()
    await picture('load')
  })

  it('shows what the engine is doing', async () => {
    await page.keyboard.press('Escape')
    await page.goto(`${server.url}/#/engine`)
    await page.getByText('kept for later').waitFor()
    await page.waitForTimeout(process.env.POLLUX_SCREENSHOTS ? 12_000 : 0)
    expect(await page.locator('.plot canvas').count()).toBe(3)
    await picture('engine')
  })

  it('is dark when the system is, switches, and remembers', async () => {
    const paper = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
    const light = await paper()
    await page.emulateMedia({ colorScheme: 'dark' })
    const dark = await paper()
    expect(dark).not.toBe(light)
    await page.getByRole('button', { name: /Light theme/ }).click()
    expect(await paper()).toBe(light)
    await page.reload()
    await page.getByRole('button', { name: /Dark theme/ }).click()
    expect(await paper()).toBe(dark)
    await ask('How does a mixture of experts work?')
    await finished()
    await picture('dark')
  })

  it('fits a phone: nothing is wider than 360 pixels, and the side panels slide in', async () => {
    await page.setViewportSize({ width: 360, height: 720 })
    const width = () => page.evaluate('document.documentElement.scrollWidth')
    await ask('How does a mixture of experts work?')
    await finished()
    expect(await width()).toBe(360)
    await picture('phone')
    await page.getByRole('button', { name: /^Settings/ }).click()
    expect(await page.getByRole('textbox', { name: 'System instruction' }).isVisible()).toBe(true)
    // the keys are in the panel while it covers the page, and back where they were afterwards
    const focused = () => page.evaluate('document.activeElement.closest(".side.panel, .talk-head")?.className')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('side panel')
    await page.keyboard.press('Escape')
    await expect.poll(focused).toBe('talk-head')
    for (const place of ['runs/amber', 'experts', 'engine']) {
      await page.goto(`${server.url}/#/${place}`)
      await page.waitForTimeout(300)
      expect({ place, width: await width() }).toEqual({ place, width: 360 })
    }
  })

  it('lists its keys', async () => {
    await page.locator('h1').click()
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).getByText('New conversation').waitFor()
  })
})
