// Random JSON Schemas through the real server, over both protocols, with a real engine behind it: what is streamed at a seed is what
// comes whole at that seed, and it is JSON that ajv finds valid.
//
// POLLUX_SCHEMAS=200 asks for that many (30 by default); POLLUX_SCHEMAS_SEED begins elsewhere.
import { GoogleGenAI } from '@google/genai'
import { Ajv2020 } from 'ajv/dist/2020.js'
import OpenAI from 'openai'
import { expect, test } from 'vitest'
import { createEngine } from '../../src/inference/index.ts'
import { Decoder, parseConfig, preset } from '../../src/model/index.ts'
import { grammarVocabulary } from '../../src/serve/index.ts'
import { FORMAT_CHECKS, type JsonSchema, randomSchema } from '../../src/testing/index.ts'
import { Rng } from '../../src/util/index.ts'
import { scriptedServer, tokenizer } from './scriptedServer.ts'

const count = Number(process.env.POLLUX_SCHEMAS ?? 30)
const firstSeed = Number(process.env.POLLUX_SCHEMAS_SEED ?? 1)
/** A model that knows nothing closes a string once in some hundred bytes; what has not ended by then is asked for with another seed. */
const maxTokens = 1500
const attempts = 12

const ajv = new Ajv2020({ strict: false, formats: FORMAT_CHECKS })

interface Answer {
  text: string
  isWhole: boolean
}

type Ask = (schema: JsonSchema, seed: number) => Promise<{ whole: Answer; streamed: Answer }>

function askOpenAi(url: string): Ask {
  const openai = new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 })
  return async (schema, seed) => {
    const request = {
      ...{ model: 'scripted', messages: [{ role: 'user' as const, content: 'Hi' }], seed, max_tokens: maxTokens },
      response_format: { type: 'json_schema' as const, json_schema: { name: 's', schema } },
    }
    const { choices } = await openai.chat.completions.create(request)
    const whole = { text: choices[0].message.content ?? '', isWhole: choices[0].finish_reason === 'stop' }
    const streamed = { text: '', isWhole: false }
    for await (const chunk of await openai.chat.completions.create({ ...request, stream: true })) {
      streamed.text += chunk.choices[0].delta.content ?? ''
      streamed.isWhole ||= chunk.choices[0].finish_reason === 'stop'
    }
    return { whole, streamed }
  }
}

function askGemini(url: string): Ask {
  const google = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: url } })
  return async (schema, seed) => {
    const config = {
      ...{ seed, maxOutputTokens: maxTokens },
      ...{ responseMimeType: 'application/json', responseJsonSchema: schema },
    }
    const request = { model: 'scripted', contents: 'Hi', config }
    const response = await google.models.generateContent(request)
    const whole = { text: response.text ?? '', isWhole: response.candidates![0].finishReason === 'STOP' }
    const streamed = { text: '', isWhole: false }
    for await (const chunk of await google.models.generateContentStream(request)) {
      streamed.text += chunk.text ?? ''
      streamed.isWhole ||= chunk.candidates?.[0].finishReason === 'STOP'
    }
    return { whole, streamed }
  }
}

/** Asks until an answer comes to its end; how often it asked. */
async function check(ask: Ask, schema: JsonSchema, from: number): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { whole, streamed } = await ask(schema, from + 7919 * attempt)
    expect(streamed, JSON.stringify(schema)).toEqual(whole)
    if (!whole.isWhole) continue
    const isValid = ajv.validate(schema, JSON.parse(whole.text))
    if (!isValid) throw new Error(`${ajv.errorsText()}: ${whole.text} under ${JSON.stringify(schema)}`)
    return attempt + 1
  }
  throw new Error(`no answer ended under ${JSON.stringify(schema)}`)
}

test(`${count} random schemas hold over both protocols, streamed as whole`, { timeout: 3600_000 }, async () => {
  const config = parseConfig({
    ...preset('micro').config,
    ...{ vocab_size: tokenizer.vocabSize, max_position_embeddings: 2048 },
  })
  const engine = createEngine(new Decoder(config).initialise(new Rng(1)), {
    ...{ compute: 'f32', cacheBytes: 2 ** 27, vocabulary: grammarVocabulary(tokenizer) },
  })
  await using server = await scriptedServer(['unused'], { model: { engine } })
  const rng = new Rng(firstSeed)
  const schemas = Array.from({ length: count }, () => randomSchema(rng).schema)
  const asked: number[] = []
  for (const ask of [askOpenAi(server.url), askGemini(server.url)]) {
    // several at a time, so that answers are also written in batches of changing company
    const waiting = schemas.entries()
    const work = async () => {
      for (const [i, schema] of waiting) asked.push(await check(ask, schema, 1000 * i))
    }
    await Promise.all([work(), work(), work(), work()])
  }
  expect(asked).toHaveLength(2 * count)
  const again = asked.reduce((sum, times) => sum + times - 1, 0)
  process.stderr.write(`schemas: ${count}, valid answers: ${asked.length}, cut and asked for again: ${again}\n`)
  await engine.close()
})
