// Prompts and inputs as ids of tokens, as harnesses send them: with the real SDK over a real engine.
import OpenAI from 'openai'
import { afterAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../src/inference/index.ts'
import { MultimodalModel, multimodalPreset, preset } from '../../src/model/index.ts'
import { Rng } from '../../src/util/index.ts'
import { says, scriptedServer, tokenizer } from './scriptedServer.ts'

const config = multimodalPreset(preset('micro'), tokenizer, { context: 256 })
const engine = createEngine(new MultimodalModel(config).initialise(new Rng(1)), {
  ...{ compute: 'f32', cacheBytes: 2 ** 24 },
})
afterAll(() => engine.close())

async function open() {
  const server = await scriptedServer(['unused'], { model: { engine, template: 'plain' } })
  const { completions, embeddings } = new OpenAI({ apiKey: 'k', baseURL: `${server.url}/v1`, maxRetries: 0 })
  return { completions, embeddings, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}
const common = { model: 'scripted', max_tokens: 8, seed: 5 }
/** A text prompt is read behind <bos>; ids are read as they stand. */
const ids = says('<bos>Hi there')
const other = says('<bos>Ho')

describe('/completions', () => {
  it('goes on with ids as with their text: one list, several, streamed, as often as is asked', async () => {
    await using client = await open()
    const create = async (prompt: string | string[] | number[] | number[][], more: object = {}) =>
      (await client.completions.create({ ...common, ...more, prompt, stream: false })).choices.map(({ text }) => text)
    const texts = await create(['Hi there', 'Ho'], { n: 2 })
    expect(new Set(texts).size).toBe(4)
    expect(await create([ids, other], { n: 2 })).toEqual(texts)
    expect(await create(ids)).toEqual([texts[0]])
    let streamed = ''
    const stream = await client.completions.create({ ...common, prompt: ids, stream: true })
    for await (const { choices } of stream) streamed += choices[0].text
    expect(streamed).toBe(texts[0])
    const { usage } = await client.completions.create({ ...common, prompt: [ids, other] })
    expect(usage!.prompt_tokens).toBe(ids.length + other.length)
  })

  it('echoes their text, token by token, special ones as they are written', async () => {
    await using client = await open()
    const { choices } = await client.completions.create({
      ...{ ...common, prompt: ids, max_tokens: 0, echo: true, logprobs: 1 },
    })
    const fromText = await client.completions.create({
      ...{ ...common, prompt: 'Hi there', max_tokens: 0, echo: true, logprobs: 1 },
    })
    expect(choices[0].text).toBe('<bos>Hi there')
    expect(choices[0].logprobs!.tokens).toEqual(['<bos>', ...'Hi there'])
    expect(choices[0].logprobs!.token_logprobs).toEqual([null, ...fromText.choices[0].logprobs!.token_logprobs!])
    expect(choices[0].logprobs!.text_offset).toEqual([0, 5, 6, 7, 8, 9, 10, 11, 12])
  })

  it('refuses what is no id, by its place, and an empty list', async () => {
    await using client = await open()
    const failure = (prompt: unknown) =>
      client.completions.create({ ...common, prompt: prompt as number[] }).catch((error: unknown) => error)
    expect(await failure([1, 2.5])).toMatchObject({ status: 400, param: 'prompt[1]' })
    expect(await failure([1, -1])).toMatchObject({ status: 400, param: 'prompt[1]' })
    expect(await failure([[1], [2, 'x']])).toMatchObject({ status: 400, param: 'prompt[1][1]' })
    expect(await failure([[1], 'x'])).toMatchObject({ status: 400, param: 'prompt[1]' })
    expect(await failure([])).toMatchObject({ status: 400, param: 'prompt' })
    expect(await failure([[]])).toMatchObject({ status: 400, param: 'prompt[0]' })
    const unknown = `must be from 0 to ${tokenizer.vocabSize - 1}, got ${tokenizer.vocabSize} at 1`
    expect(await failure([1, tokenizer.vocabSize])).toMatchObject({
      ...{ status: 400, message: expect.stringContaining(unknown) },
    })
    expect(await failure(Array.from({ length: 300 }, () => 30))).toMatchObject({
      ...{ status: 400, code: 'context_length_exceeded' },
    })
  })

  it('refuses a token that stands for a picture where there is none, and goes on', async () => {
    await using client = await open()
    const asked = client.completions.create({ ...common, prompt: [...ids, config.image_token_id] })
    await expect(asked).rejects.toMatchObject({ status: 400, message: expect.stringContaining('placeholders') })
    expect((await client.completions.create({ ...common, prompt: ids })).choices).toHaveLength(1)
  })
})

describe('/embeddings', () => {
  it('makes the vector of ids that it makes of their text', async () => {
    await using client = await open()
    const create = async (input: string | string[] | number[] | number[][]) => {
      const { data, usage } = await client.embeddings.create({ model: 'scripted', input })
      return { vectors: data.map(({ embedding }) => embedding), tokens: usage.prompt_tokens }
    }
    const whole = await create(['Hi there', 'Ho'])
    expect(await create([ids, other])).toEqual(whole)
    expect((await create(ids)).vectors).toEqual([whole.vectors[0]])
    expect((await create('Ho')).vectors).toEqual([whole.vectors[1]])
    const empty = client.embeddings.create({ model: 'scripted', input: ['a', ''] })
    await expect(empty).rejects.toMatchObject({ status: 400, param: 'input[1]' })
    const wrong = client.embeddings.create({ model: 'scripted', input: [[3], [4, 1e9]] })
    await expect(wrong).rejects.toMatchObject({ status: 400, message: expect.stringContaining('got 1000000000 at 1') })
  })
})
