// `pollux serve` as a process: what is in work at SIGTERM is answered, what comes then is refused, and the process ends with 0.
import type { ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import OpenAI from 'openai'
import { expect, it } from 'vitest'
import { Decoder, parseConfig, preset, saveAnyModel } from '../../src/model/index.ts'
import { type TempFolder, tempFolder } from '../../src/testing/index.ts'
import { Rng } from '../../src/util/index.ts'
import { type Outcome, pollux } from './pollux.ts'
import { tokenizer } from './scriptedServer.ts'

/** A checkpoint whose weights are as they were drawn. */
function checkpoint(): TempFolder {
  const folder = tempFolder()
  const config = { ...preset('micro').config, vocab_size: tokenizer.vocabSize, max_position_embeddings: 16_384 }
  mkdirSync(folder.file('tiny'))
  saveAnyModel(folder.file('tiny'), new Decoder(parseConfig(config)).initialise(new Rng(1)), { dtype: 'f32' })
  tokenizer.save(folder.file('tiny/tokenizer.json'))
  return folder
}

interface Served {
  url: string
  child: ChildProcess
  outcome: Promise<Outcome>
}

function serve(folder: TempFolder, ...flags: string[]): Promise<Served> {
  return new Promise((resolve, reject) => {
    const args = ['serve', '--model', 'tiny', '--port', '0', '--no-studio', ...flags]
    const outcome = pollux(args, {
      cwd: folder.path,
      onOutput(stdout, child) {
        const url = /serving tiny at (http:\S+)/.exec(stdout)?.[1]
        if (url !== undefined) resolve({ url, child, outcome })
      },
    })
    outcome.then(({ stderr }) => reject(new Error(`ended: ${stderr}`)), reject)
  })
}

/** A text of many tokens: none of those that end it is drawn. */
function longText(url: string, tokens: number) {
  const openai = new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 })
  const ends = [...tokenizer.specialTokens.values()].map((id) => [String(id), -100] as const)
  return openai.completions.create({
    ...{ model: 'tiny', prompt: 'Hi', max_tokens: tokens, seed: 1, stream: true },
    logit_bias: Object.fromEntries(ends),
    stream_options: { include_usage: true },
  })
}

const ask = (url: string): Promise<Response> =>
  fetch(`${url}/v1beta/models/tiny:generateContent?key=k`, {
    ...{ method: 'POST', body: JSON.stringify({ contents: [{ parts: [{ text: 'q' }] }] }) },
  })

it('ends at SIGTERM when the answers in work are done', { timeout: 120_000 }, async () => {
  using folder = checkpoint()
  const { url, child, outcome } = await serve(folder, '--drain', '100')
  expect((await fetch(`${url}/health`)).status).toBe(200)
  const stream = (await longText(url, 8000))[Symbol.asyncIterator]()
  await stream.next()
  child.kill('SIGTERM')
  await expect.poll(async () => (await fetch(`${url}/health`)).status).toBe(503)
  const refused = await ask(url)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
  expect(await refused.json()).toMatchObject({ error: { code: 503, status: 'UNAVAILABLE' } })
  let written: number | undefined
  for (let next = await stream.next(); !next.done; next = await stream.next()) {
    written = next.value.usage?.completion_tokens ?? written
  }
  expect(written).toBe(8000)
  const { code, stdout } = await outcome
  expect(code).toBe(0)
  expect(stdout).toContain('waiting for the answers in work')
  await expect(fetch(url)).rejects.toThrow()
})

it('cuts an answer that takes longer than --drain, saying so', { timeout: 120_000 }, async () => {
  using folder = checkpoint()
  const { url, child, outcome } = await serve(folder, '--drain', '0.2')
  const stream = (await longText(url, 16_000))[Symbol.asyncIterator]()
  await stream.next()
  child.kill('SIGTERM')
  const rest = async (): Promise<void> => {
    for (let next = await stream.next(); !next.done; next = await stream.next());
  }
  await expect(rest()).rejects.toThrow('The server is shutting down.')
  expect((await outcome).code).toBe(0)
})
