// Answers held to schemas by a real engine, its weights as they were drawn: without the grammar they would be noise.
import { GoogleGenAI, FunctionCallingConfigMode } from '@google/genai'
import { Ajv } from 'ajv'
import OpenAI from 'openai'
import { expect, test } from 'vitest'
import { createEngine, type Engine } from '../../src/inference/index.ts'
import { Decoder, parseConfig, preset } from '../../src/model/index.ts'
import { grammarVocabulary } from '../../src/serve/index.ts'
import { Rng } from '../../src/util/index.ts'
import { scriptedServer, tokenizer } from './scriptedServer.ts'

const schema = {
  type: 'object',
  properties: {
    colour: { type: 'string', enum: ['red', 'green', 'sky blue'] },
    sizes: { type: 'array', items: { type: 'integer', minimum: 0, maximum: 99 }, minItems: 1, maxItems: 3 },
    round: { type: 'boolean' },
  },
  required: ['colour', 'sizes', 'round'],
  additionalProperties: false,
}
const isValid = new Ajv().compile(schema)

function newEngine(): Engine {
  const config = parseConfig({
    ...preset('micro').config,
    vocab_size: tokenizer.vocabSize,
    max_position_embeddings: 1024,
  })
  const model = new Decoder(config).initialise(new Rng(1))
  return createEngine(model, { compute: 'f32', cacheBytes: 2 ** 24, vocabulary: grammarVocabulary(tokenizer) })
}

test('JSON of a schema is valid over both protocols, and the same streamed as whole', async () => {
  const engine = newEngine()
  await using server = await scriptedServer(['unused'], { model: { engine } })
  const openai = new OpenAI({ apiKey: 'k', baseURL: `${server.url}/v1`, maxRetries: 0 })
  const google = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: server.url } })
  const answers = new Set<string>()
  for (let seed = 1; seed <= 4; seed++) {
    const chat = {
      ...{ model: 'scripted', messages: [{ role: 'user' as const, content: 'Hi' }], seed, max_tokens: 200 },
      response_format: { type: 'json_schema' as const, json_schema: { name: 's', strict: true, schema } },
    }
    const whole = (await openai.chat.completions.create(chat)).choices[0]
    expect(whole.finish_reason).toBe('stop')
    expect(isValid(JSON.parse(whole.message.content!))).toBe(true)
    answers.add(whole.message.content!)

    const config = { seed, maxOutputTokens: 200, responseMimeType: 'application/json', responseJsonSchema: schema }
    const request = { model: 'scripted', contents: 'Hi', config }
    const { text } = await google.models.generateContent(request)
    expect(isValid(JSON.parse(text!))).toBe(true)
    let streamed = ''
    for await (const chunk of await google.models.generateContentStream(request)) streamed += chunk.text ?? ''
    expect(streamed).toBe(text)
  }
  expect(answers.size).toBeGreaterThan(1)
  await engine.close()
})

test('a call that is wanted is made, with arguments of its schema', async () => {
  const engine = newEngine()
  await using server = await scriptedServer(['unused'], { model: { engine } })
  const google = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: server.url } })
  const { functionCalls = [] } = await google.models.generateContent({
    ...{ model: 'scripted', contents: 'Paint it' },
    config: {
      ...{ seed: 3, maxOutputTokens: 300 },
      tools: [{ functionDeclarations: [{ name: 'paint', parametersJsonSchema: schema }] }],
      toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } },
    },
  })
  expect(functionCalls.length).toBeGreaterThan(0)
  for (const { name, args } of functionCalls) expect([name, isValid(args)]).toEqual(['paint', true])
  await engine.close()
})

test('a schema that cannot be is a mistake of the request', async () => {
  const engine = newEngine()
  await using server = await scriptedServer(['unused'], { model: { engine } })
  const openai = new OpenAI({ apiKey: 'k', baseURL: `${server.url}/v1`, maxRetries: 0 })
  const asked = openai.chat.completions.create({
    ...{ model: 'scripted', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 20 },
    response_format: { type: 'json_schema', json_schema: { name: 's', schema: { type: 'string', not: {} } } },
  })
  await expect(asked).rejects.toMatchObject({ status: 400 })
  await engine.close()
})
