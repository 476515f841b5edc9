// The OpenAI API through its official client: everything but the words of the model is real.
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { scriptedServer, type ScriptedServerOptions } from './scriptedServer.ts'

type Answers = Parameters<typeof scriptedServer>[0]

async function open(answers: Answers, options: ScriptedServerOptions = {}) {
  const scripted = await scriptedServer(answers, options)
  const client = new OpenAI({ apiKey: 'k', baseURL: `${scripted.url}/v1`, maxRetries: 0 })
  return { ...scripted, client, [Symbol.asyncDispose]: () => scripted[Symbol.asyncDispose]() }
}

const model = 'scripted'
const messages = [{ role: 'user' as const, content: 'Say hello.' }]
const addTool = {
  type: 'function' as const,
  function: { name: 'add', parameters: { type: 'object', properties: { a: { type: 'number' } } } },
}

async function gathered<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of stream) all.push(each)
  return all
}

/** The error of a promise. */
async function failure(promise: PromiseLike<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof OpenAI.APIError)) throw new Error(`must fail, got ${String(error)}`)
  return error
}

describe('chat completions', () => {
  it('answers whole, with its usage and a request id', async () => {
    await using server = await open(['Hello, world.'])
    const answer = await server.client.chat.completions.create({ model, messages })
    expect(answer.choices).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: 'Hello, world.', refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ])
    expect(answer.usage!.total_tokens).toBe(answer.usage!.prompt_tokens + answer.usage!.completion_tokens)
    expect(answer._request_id).toMatch(/^[a-z0-9]{20}$/)
  })

  it('streams the same text, and the usage where it is asked for', async () => {
    await using server = await open(['Grüße, 🌍!'])
    const whole = await server.client.chat.completions.create({ model, messages, n: 2 })
    const options = { stream: true as const, stream_options: { include_usage: true } }
    const chunks = await gathered(await server.client.chat.completions.create({ model, messages, n: 2, ...options }))
    for (const { index, message } of whole.choices) {
      const pieces = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
      expect(pieces.map(({ delta }) => delta.content ?? '').join('')).toBe(message.content)
      expect(pieces[0].delta.role).toBe('assistant')
      expect(pieces.at(-1)!.finish_reason).toBe('stop')
    }
    const last = chunks.at(-1)!
    expect(last.choices).toEqual([])
    const { prompt_tokens, completion_tokens } = whole.usage!
    expect(last.usage).toMatchObject({ prompt_tokens, completion_tokens })
  })

  it('runs tools through runTools until the model has its answer', async () => {
    await using server = await open([
      '<|tool_call>call:add{"a":1}<tool_call|><|tool_call>call:add{"a":2}<tool_call|>',
      'Three.',
    ])
    const asked: unknown[] = []
    const runner = server.client.chat.completions.runTools({
      model,
      messages,
      tools: [
        {
          type: 'function',
          function: {
            ...addTool.function,
            description: 'adds',
            parse: JSON.parse,
            function: (args: { a: number }) => (asked.push(args), { sum: args.a }),
          },
        },
      ],
    })
    expect(await runner.finalContent()).toBe('Three.')
    expect(asked).toEqual([{ a: 1 }, { a: 2 }])
  })

  it('streams calls in pieces that make the same arguments', async () => {
    await using server = await open(['Wait. <|tool_call>call:add{"a":[1,2,{"b":"c d"}]}<tool_call|>'])
    const whole = await server.client.chat.completions.create({ model, messages, tools: [addTool] })
    const stream = server.client.chat.completions.stream({ model, messages, tools: [addTool] })
    const streamed = await stream.finalChatCompletion()
    const [choice] = whole.choices
    expect(choice.finish_reason).toBe('tool_calls')
    const call = choice.message.tool_calls![0]
    expect(call).toMatchObject({ type: 'function', function: { name: 'add', arguments: '{"a":[1,2,{"b":"c d"}]}' } })
    expect(call.id).toMatch(/^call_/)
    expect(streamed.choices[0].message.tool_calls![0]).toMatchObject({
      function: { arguments: '{"a":[1,2,{"b":"c d"}]}' },
    })
    expect(streamed.choices[0].message.content).toBe(choice.message.content)
  })

  it('gives structured answers to the parse helper, and the engine their grammar', async () => {
    await using server = await open(['{"a":1}'])
    const schema = {
      type: 'object',
      properties: { a: { type: 'number' } },
      required: ['a'],
      additionalProperties: false,
    }
    const response_format = { type: 'json_schema' as const, json_schema: { name: 's', strict: true, schema } }
    const answer = await server.client.chat.completions.parse({ model, messages, response_format })
    expect(answer.choices[0].message.parsed).toEqual({ a: 1 })
    expect(server.engine.requests[0].grammar).toMatchObject({ kind: 'json', schema })
  })

  it('shows thoughts as reasoning_content and counts them', async () => {
    await using server = await open((request) =>
      request.grammar || request.prompt.ids.length > 60 ? [] : [...'Hm.'].map((letter) => letter.charCodeAt(0)),
    )
    const answer = await server.client.chat.completions.create({ model, messages, reasoning_effort: 'low' })
    expect(answer.choices[0].message).toHaveProperty('reasoning_content')
    expect(answer.usage!.completion_tokens_details!.reasoning_tokens).toBeGreaterThan(0)
  })

  it('gives log-probabilities of each token with its alternatives', async () => {
    await using server = await open(['Hi!'])
    const answer = await server.client.chat.completions.create({ model, messages, logprobs: true, top_logprobs: 2 })
    const { content } = answer.choices[0].logprobs!
    expect(content!.map(({ token }) => token).join('')).toBe('Hi!')
    for (const { logprob, top_logprobs, bytes, token } of content!) {
      expect(logprob).toBe(-0.5)
      expect(top_logprobs).toHaveLength(2)
      expect(Buffer.from(bytes!).toString()).toBe(token)
    }
  })

  it('hands sampling to the engine, each choice with a seed of its own', async () => {
    await using server = await open(['x'])
    const sampling = { temperature: 0.5, top_p: 0.9, presence_penalty: 1, frequency_penalty: -1, seed: 7 }
    await server.client.chat.completions.create({
      model,
      messages,
      n: 2,
      ...sampling,
      logit_bias: { 5: -100 },
      max_tokens: 3,
    })
    const [first, second] = server.engine.requests
    expect(first.sampling).toEqual({
      ...{ temperature: 0.5, topP: 0.9, presencePenalty: 1, frequencyPenalty: -1, seed: 7 },
      logitBias: [[5, -100]],
    })
    expect(second.sampling!.seed).not.toBe(7)
    expect(first.maxTokens).toBe(3)
  })

  it('stops at a stop text and at max_completion_tokens', async () => {
    await using server = await open(['one two three'])
    const stopped = await server.client.chat.completions.create({ model, messages, stop: [' three'] })
    expect(stopped.choices[0]).toMatchObject({ message: { content: 'one two' }, finish_reason: 'stop' })
    const cut = await server.client.chat.completions.create({ model, messages, max_completion_tokens: 2 })
    expect(cut.choices[0].finish_reason).toBe('length')
    expect(cut.usage!.completion_tokens).toBe(2)
  })

  it('cancels the answer when the client leaves a stream, or a request', async () => {
    await using server = await open(['a long answer that is never heard to its end'], { engine: { delay: 20 } })
    for await (const chunk of await server.client.chat.completions.create({ model, messages, stream: true })) {
      if (chunk.choices[0]?.delta.content) break
    }
    await expect.poll(() => server.engine.cancelled).toBe(1)
    const controller = new AbortController()
    const unary = server.client.chat.completions.create({ model, messages }, { signal: controller.signal })
    setTimeout(() => controller.abort(), 100)
    await expect(unary).rejects.toThrow()
    await expect.poll(() => server.engine.cancelled).toBe(2)
    await expect.poll(async () => (await server.engine.stats()).running).toBe(0)
  })
})

describe('responses', () => {
  it('answers whole and streams the same, with events in order', async () => {
    await using server = await open(['Hello.'])
    const whole = await server.client.responses.create({ model, input: 'Hi', instructions: 'Be brief.' })
    expect(whole.output_text).toBe('Hello.')
    expect(whole).toMatchObject({ status: 'completed', object: 'response', instructions: 'Be brief.' })
    const events = await gathered(await server.client.responses.create({ model, input: 'Hi', stream: true }))
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, i) => i))
    const kinds = events.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1])
    expect(kinds).toEqual(
      'created in_progress output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done completed'
        .split(' ')
        .map((name) => `response.${name}`),
    )
    const final = await server.client.responses.stream({ model, input: 'Hi' }).finalResponse()
    expect(final.output_text).toBe('Hello.')
  })

  it('calls functions, takes what they gave, and follows an earlier response', async () => {
    await using server = await open(['<|tool_call>call:add{"a":1}<tool_call|>', 'One.', 'Again.'])
    const tools = [{ type: 'function' as const, strict: true, ...addTool.function }]
    const first = await server.client.responses.stream({ model, input: 'Add.', tools }).finalResponse()
    const [call] = first.output
    if (call.type !== 'function_call') throw new Error('must be a call')
    expect(call).toMatchObject({ name: 'add', arguments: '{"a":1}', status: 'completed' })
    const output = [{ type: 'function_call_output' as const, call_id: call.call_id, output: '{"sum":1}' }]
    const second = await server.client.responses.create({ model, input: output, tools, previous_response_id: first.id })
    expect(second.output_text).toBe('One.')
    const third = await server.client.responses.create({
      model,
      input: 'More.',
      tools,
      previous_response_id: second.id,
    })
    expect(third.usage!.input_tokens).toBeGreaterThan(second.usage!.input_tokens)
    expect(third.output_text).toBe('Again.')
    const items = await server.client.responses.inputItems.list(third.id)
    expect(items.data).toHaveLength(1)
    expect((await server.client.responses.retrieve(third.id)).id).toBe(third.id)
    await server.client.responses.delete(third.id)
    expect((await failure(server.client.responses.retrieve(third.id))).status).toBe(404)
  })

  it('keeps nothing when it must not', async () => {
    await using server = await open(['Hello.'])
    const { id } = await server.client.responses.create({ model, input: 'Hi', store: false })
    const error = await failure(server.client.responses.create({ model, input: 'Hi', previous_response_id: id }))
    expect(error).toMatchObject({ status: 400, code: 'previous_response_not_found', param: 'previous_response_id' })
  })

  it('parses structured output, and says why an answer is incomplete', async () => {
    await using server = await open(['{"a":1}'])
    const schema = {
      type: 'object',
      properties: { a: { type: 'number' } },
      required: ['a'],
      additionalProperties: false,
    }
    const text = { format: { type: 'json_schema' as const, name: 's', strict: true, schema } }
    const parsed = await server.client.responses.parse({ model, input: 'Hi', text })
    expect(parsed.output_parsed).toEqual({ a: 1 })
    const cut = await server.client.responses.create({ model, input: 'Hi', max_output_tokens: 2 })
    expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } })
  })

  it('counts the tokens of an input', async () => {
    await using server = await open(['Hello.'])
    const { input_tokens } = await server.client.responses.inputTokens.count({ model, input: 'Hi' })
    const { usage } = await server.client.responses.create({ model, input: 'Hi' })
    expect(input_tokens).toBe(usage!.input_tokens)
  })
})

describe('completions, embeddings, models', () => {
  it('continues prompts, with echo and log-probabilities', async () => {
    await using server = await open([' there'])
    const answer = await server.client.completions.create({ model, prompt: ['Hi', 'Ho'], echo: true, logprobs: 1 })
    expect(answer.choices.map(({ text }) => text)).toEqual(['Hi there', 'Ho there'])
    const { tokens, token_logprobs, text_offset } = answer.choices[1].logprobs!
    expect(tokens!.join('')).toBe('Ho there')
    expect(text_offset!.at(-1)).toBe('Ho there'.length - tokens!.at(-1)!.length)
    expect(token_logprobs).toHaveLength(tokens!.length)
    const scored = await server.client.completions.create({
      model,
      prompt: 'Hi',
      echo: true,
      logprobs: 1,
      max_tokens: 0,
    })
    expect(scored.choices[0]).toMatchObject({ text: 'Hi', finish_reason: 'length' })
    const chunks = await gathered(
      await server.client.completions.create({ model, prompt: 'Hi', echo: true, stream: true }),
    )
    expect(chunks.map(({ choices }) => choices[0].text).join('')).toBe('Hi there')
    const error = await failure(server.client.completions.create({ model, prompt: 'Hi', suffix: 'end' }))
    expect(error).toMatchObject({ status: 400, param: 'suffix', code: 'unsupported_parameter' })
  })

  it('embeds texts, as base64 and as numbers', async () => {
    await using server = await open(['x'])
    const input = ['one', 'two two']
    const base64 = await server.client.embeddings.create({ model, input })
    const floats = await server.client.embeddings.create({ model, input, encoding_format: 'float' })
    expect(base64.data.map(({ embedding }) => embedding)).toEqual(floats.data.map(({ embedding }) => embedding))
    const short = await server.client.embeddings.create({ model, input, dimensions: 2, encoding_format: 'float' })
    expect(Math.hypot(...short.data[0].embedding)).toBeCloseTo(1, 5)
    expect(short.data[0].embedding).toHaveLength(2)
  })

  it('lists its models on every path it is mounted at', async () => {
    await using server = await open(['x'])
    for (const path of ['/v1', '/openai/v1', '/v1beta/openai']) {
      const client = new OpenAI({ apiKey: 'k', baseURL: server.url + path, maxRetries: 0 })
      expect((await client.models.list()).data.map(({ id }) => id)).toEqual([model])
      expect(await client.models.retrieve(model)).toMatchObject({ id: model, object: 'model' })
    }
    const error = await failure(server.client.models.retrieve('nobody'))
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' })
  })
})

describe('files and batches', () => {
  it('keeps files, and answers a batch of them', async () => {
    await using server = await open(['Hello.'])
    const line = (id: string, body: object) =>
      JSON.stringify({ custom_id: id, method: 'POST', url: '/v1/chat/completions', body })
    const good = line('good', { model, messages })
    const text = `${good}\n${line('bad', { model, messages: 3 })}\n`
    const file = await server.client.files.create({ file: new File([text], 'in.jsonl'), purpose: 'batch' })
    expect(file).toMatchObject({ object: 'file', bytes: text.length, filename: 'in.jsonl', purpose: 'batch' })
    expect(await (await server.client.files.content(file.id)).text()).toBe(text)
    expect((await server.client.files.list()).data.map(({ id }) => id)).toEqual([file.id])
    const batch = await server.client.batches.create({
      ...{ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
      metadata: { a: 'b' },
    })
    const retrieve = () => server.client.batches.retrieve(batch.id)
    await expect.poll(async () => (await retrieve()).status).toBe('completed')
    const ended = await retrieve()
    expect(ended).toMatchObject({ request_counts: { total: 2, completed: 1, failed: 1 }, metadata: { a: 'b' } })
    const rows = async (id: string) => JSON.parse(await (await server.client.files.content(id)).text()) as object
    expect(await rows(ended.output_file_id!)).toMatchObject({
      custom_id: 'good',
      response: { status_code: 200, body: { choices: [{ message: { content: 'Hello.' } }] } },
    })
    expect(await rows(ended.error_file_id!)).toMatchObject({ custom_id: 'bad', response: { status_code: 400 } })
    expect((await server.client.batches.list()).data).toHaveLength(1)
    await server.client.files.delete(file.id)
    expect((await failure(server.client.files.retrieve(file.id))).status).toBe(404)
  })

  it('says which line of a batch is wrong', async () => {
    await using server = await open(['Hello.'])
    const file = await server.client.files.create({ file: new File(['{"custom_id":"a"}\n'], 'x'), purpose: 'batch' })
    const request = { input_file_id: file.id, endpoint: '/v1/responses' as const, completion_window: '24h' as const }
    const error = await failure(server.client.batches.create(request))
    expect(error).toMatchObject({ status: 400, code: 'invalid_batch_line', param: 'input_file_id' })
    expect(error.message).toContain('Line 1')
  })
})

describe('errors', () => {
  it('names the parameter at fault', async () => {
    await using server = await open(['x'])
    const bodies: [object, string, string][] = [
      [{ messages }, 'model', 'missing_required_parameter'],
      [{ model }, 'messages', 'missing_required_parameter'],
      [{ model, messages, temperature: 'hot' }, 'temperature', 'invalid_type'],
      [{ model, messages, temperature: 3 }, 'temperature', 'decimal_above_max_value'],
      [{ model, messages, n: 0 }, 'n', 'integer_below_min_value'],
      [{ model, messages: [{ role: 'user', content: 5 }] }, 'messages[0].content', 'invalid_type'],
      [{ model, messages: [{ role: 'king', content: '' }] }, 'messages[0].role', 'invalid_value'],
      [{ model, messages, tool_choice: 'required' }, 'tool_choice', 'invalid_value'],
      [{ model, messages, functions: [] }, 'functions', 'unsupported_parameter'],
    ]
    for (const [body, param, code] of bodies) {
      const error = await failure(server.client.post('/chat/completions', { body }))
      expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param, code })
    }
  })

  it('tells an unknown model, a prompt that is too long and a full queue apart', async () => {
    const options = { aliases: false, engine: { contextTokens: 64 }, server: { rates: { requestsPerMinute: 3 } } }
    await using server = await open(['x'], options)
    const create = (model: string, content: string) =>
      failure(server.client.chat.completions.create({ model, messages: [{ role: 'user', content }] }))
    expect(await create('nobody', 'hi')).toMatchObject({ status: 404, code: 'model_not_found' })
    expect(await create(model, 'x'.repeat(100))).toMatchObject({ status: 400, code: 'context_length_exceeded' })
    await server.client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hi' }] })
    const error = await create(model, 'hi')
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' })
    expect(Number(error.headers!.get('retry-after'))).toBeGreaterThan(0)
    expect(error.headers!.get('x-ratelimit-limit-requests')).toBe('3')
  })

  it('wants a key where there are keys', async () => {
    await using server = await open(['x'], { server: { keys: ['right'] } })
    const error = await failure(server.client.chat.completions.create({ model, messages }))
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key' })
  })

  it('throws in the middle of a stream when the model dies', async () => {
    const { engineDeath } = await import('../../src/testing/index.ts')
    const { says } = await import('./scriptedServer.ts')
    await using server = await open([{ ids: says('Hello'), error: engineDeath() }])
    const stream = await server.client.chat.completions.create({ model, messages, stream: true })
    expect(await failure(gathered(stream))).toMatchObject({ code: 'internal_error', type: 'server_error' })
  })
})
