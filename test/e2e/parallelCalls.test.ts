// Several calls in one answer, written by a real engine under the grammar of the tools: its weights are as they were drawn, so every
// call that is well formed is so because of the grammar.
import { FunctionCallingConfigMode, GoogleGenAI } from '@google/genai'
import { Ajv } from 'ajv'
import OpenAI from 'openai'
import { afterAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../src/inference/index.ts'
import { Decoder, parseConfig, preset } from '../../src/model/index.ts'
import { grammarVocabulary } from '../../src/serve/index.ts'
import { Rng } from '../../src/util/index.ts'
import { says, scriptedServer, tokenizer } from './scriptedServer.ts'

const schemas: Record<string, object> = {
  add: {
    type: 'object',
    properties: { a: { type: 'integer', minimum: 0, maximum: 99 }, b: { enum: ['x', 'y'] } },
    required: ['a', 'b'],
    additionalProperties: false,
  },
  stop: { type: 'object', properties: { now: { type: 'boolean' } }, required: ['now'], additionalProperties: false },
}
const ajv = new Ajv()
const isValid = (name: string, args: unknown): boolean => ajv.validate(schemas[name], args)

const config = { ...preset('micro').config, vocab_size: tokenizer.vocabSize, max_position_embeddings: 1024 }
const engine = createEngine(new Decoder(parseConfig(config)).initialise(new Rng(1)), {
  ...{ compute: 'f32', cacheBytes: 2 ** 25, vocabulary: grammarVocabulary(tokenizer) },
})
afterAll(() => engine.close())
const serve = () => scriptedServer(['unused'], { model: { engine } })
const seeds = Array.from({ length: 12 }, (_, i) => i + 1)

describe('Gemini', () => {
  const functionDeclarations = Object.entries(schemas).map(([name, parametersJsonSchema]) => ({
    ...{ name, parametersJsonSchema },
  }))
  const request = (seed: number, allowedFunctionNames?: string[]) => ({
    ...{ model: 'scripted', contents: 'Go' },
    config: {
      ...{ seed, maxOutputTokens: 600, tools: [{ functionDeclarations }] },
      toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames } },
    },
  })

  it('ANY: one call or several, all as they were declared, and the same streamed', async () => {
    await using server = await serve()
    const { models } = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: server.url } })
    const counts: number[] = []
    for (const seed of seeds) {
      const { functionCalls = [], candidates } = await models.generateContent(request(seed))
      expect(candidates![0].finishReason).toBe('STOP')
      expect(candidates![0].content!.parts!.every(({ functionCall }) => functionCall)).toBe(true)
      for (const { name, args } of functionCalls) expect(isValid(name!, args)).toBe(true)
      expect(new Set(functionCalls.map(({ id }) => id)).size).toBe(functionCalls.length)
      counts.push(functionCalls.length)
      const streamed = []
      for await (const chunk of await models.generateContentStream(request(seed))) {
        streamed.push(...(chunk.functionCalls ?? []).map(({ name, args }) => ({ name, args })))
      }
      expect(streamed).toEqual(functionCalls.map(({ name, args }) => ({ name, args })))
    }
    expect(Math.min(...counts)).toBe(1)
    expect(Math.max(...counts)).toBeGreaterThan(1)
    const { functionCalls } = await models.generateContent(request(1, ['stop']))
    expect(new Set(functionCalls!.map(({ name }) => name))).toEqual(new Set(['stop']))
  })
})

describe('OpenAI', () => {
  const tools = Object.entries(schemas).map(([name, parameters]) => ({
    ...{
      type: 'function' as const,
      function: { name, parameters: parameters as Record<string, unknown>, strict: true },
    },
  }))
  const request = (seed: number) => ({
    ...{ model: 'scripted', messages: [{ role: 'user' as const, content: 'Go' }], tools, seed, max_tokens: 600 },
  })

  it('required: one call or several, as parallel_tool_calls says, and the same streamed', async () => {
    await using server = await serve()
    const { completions } = new OpenAI({ apiKey: 'k', baseURL: `${server.url}/v1`, maxRetries: 0 }).chat
    const counts: number[] = []
    for (const seed of seeds) {
      const asked = { ...request(seed), tool_choice: 'required' as const }
      const { choices } = await completions.create(asked)
      const calls = choices[0].message.tool_calls!.map(
        (call) => (call.type === 'function' ? call.function : undefined)!,
      )
      expect(choices[0].finish_reason).toBe('tool_calls')
      for (const { name, arguments: args } of calls) expect(isValid(name, JSON.parse(args))).toBe(true)
      counts.push(calls.length)
      const final = await completions.stream(asked).finalChatCompletion()
      const streamed = final.choices[0].message.tool_calls!.map(
        (call) => (call.type === 'function' ? call.function : undefined)!,
      )
      expect(streamed.map(({ name, arguments: args }) => [name, args])).toEqual(
        calls.map(({ name, arguments: args }) => [name, args]),
      )
      const one = await completions.create({ ...asked, parallel_tool_calls: false })
      expect(one.choices[0].message.tool_calls).toHaveLength(1)
    }
    expect(Math.max(...counts)).toBeGreaterThan(1)
  })

  it('auto: other calls may follow one that the model began by itself', async () => {
    await using server = await serve()
    const { completions } = new OpenAI({ apiKey: 'k', baseURL: `${server.url}/v1`, maxRetries: 0 }).chat
    const logit_bias = { [says('<|tool_call>')[0]]: 4 }
    const counts: number[] = []
    for (const seed of seeds) {
      const { choices } = await completions.create({ ...request(seed), max_tokens: 800, logit_bias })
      const { finish_reason, message } = choices[0]
      // the bias goes on: what ends at the limit may end within a call
      const calls = (message.tool_calls ?? []).slice(0, finish_reason === 'length' ? -1 : undefined)
      for (const call of calls) {
        if (call.type !== 'function') throw new Error('not a function')
        expect(isValid(call.function.name, JSON.parse(call.function.arguments))).toBe(true)
      }
      counts.push(calls.length)
    }
    expect(Math.max(...counts)).toBeGreaterThan(1)
  })

  it('a function that is named is called once', async () => {
    await using server = await serve()
    const { completions } = new OpenAI({ apiKey: 'k', baseURL: `${server.url}/v1`, maxRetries: 0 }).chat
    for (const seed of seeds.slice(0, 6)) {
      const tool_choice = { type: 'function' as const, function: { name: 'stop' } }
      const { choices } = await completions.create({ ...request(seed), tool_choice })
      expect(choices[0].message.tool_calls).toMatchObject([{ function: { name: 'stop' } }])
    }
  })
})
