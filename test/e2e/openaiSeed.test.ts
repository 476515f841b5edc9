// Streamed and whole answers of a real engine, its weights as they were drawn: the same seed, the same text.
import OpenAI from 'openai'
import { expect, it } from 'vitest'
import { createEngine } from '../../src/inference/index.ts'
import { Decoder, parseConfig, preset } from '../../src/model/index.ts'
import { Rng } from '../../src/util/index.ts'
import { scriptedServer, tokenizer } from './scriptedServer.ts'

it('streamed text is the whole text at the same seed, on every route that writes', async () => {
  const config = parseConfig({
    ...preset('micro').config,
    vocab_size: tokenizer.vocabSize,
    max_position_embeddings: 512,
  })
  const engine = createEngine(new Decoder(config).initialise(new Rng(1)), { compute: 'f32', cacheBytes: 2 ** 24 })
  await using server = await scriptedServer(['unused'], { model: { engine } })
  const client = new OpenAI({ apiKey: 'k', baseURL: `${server.url}/v1`, maxRetries: 0 })
  for (const seed of [1, 2, -3, 2 ** 40 + 1]) {
    const chat = { model: 'scripted', messages: [{ role: 'user' as const, content: 'Hi' }], seed, max_tokens: 24, n: 2 }
    const whole = await client.chat.completions.create(chat)
    const texts = ['', '']
    for await (const { choices } of await client.chat.completions.create({ ...chat, stream: true })) {
      for (const { index, delta } of choices) texts[index] += delta.content ?? ''
    }
    expect(texts).toEqual(whole.choices.map(({ message }) => message.content))
    expect(texts[0]).not.toBe(texts[1])

    const text = { model: 'scripted', prompt: 'Hi', seed, max_tokens: 24 }
    let streamed = ''
    for await (const { choices } of await client.completions.create({ ...text, stream: true }))
      streamed += choices[0].text
    expect(streamed).toBe((await client.completions.create(text)).choices[0].text)

    const response = { model: 'scripted', input: 'Hi', seed, max_output_tokens: 24 }
    const final = await client.responses.stream(response).finalResponse()
    expect(final.output_text).toBe((await client.responses.create(response)).output_text)
  }
  await engine.close()
})
