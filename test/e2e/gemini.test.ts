// The real Gemini SDKs (3.x and 2.x) and the AI SDK against the server; the model says what each test gives it. Numbers in titles
// are those of docs/serving-checklist.md.
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { type ApiError, FunctionCallingConfigMode, GoogleGenAI, type GenerateContentResponse } from '@google/genai'
import { generateText, streamText } from 'ai'
import { GoogleGenAI as GoogleGenAI2 } from 'google-genai-2'
import { describe, expect, test } from 'vitest'
import { engineDeath } from '../../src/testing/index.ts'
import { says, scriptedServer, tokenizer } from './scriptedServer.ts'

const client = (baseUrl: string, more: { apiVersion?: string; apiKey?: string } = {}) =>
  new GoogleGenAI({ apiKey: more.apiKey ?? 'k', apiVersion: more.apiVersion, httpOptions: { baseUrl } })

async function gathered(stream: AsyncGenerator<GenerateContentResponse>): Promise<GenerateContentResponse[]> {
  const chunks: GenerateContentResponse[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}
const textOf = (chunks: GenerateContentResponse[]): string =>
  chunks
    .flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? [])
    .map(({ text = '', thought }) => (thought ? '' : text))
    .join('')

describe('text', () => {
  test('1: comes under every version, and from both lines of the SDK', async () => {
    await using running = await scriptedServer(['Hello<turn|>'])
    for (const apiVersion of ['v1', 'v1beta', 'v1alpha', '']) {
      const ai = client(running.url, { apiVersion })
      expect((await ai.models.generateContent({ model: 'scripted', contents: 'hi' })).text).toBe('Hello')
    }
    const old = new GoogleGenAI2({ apiKey: 'k', httpOptions: { baseUrl: running.url } })
    expect((await old.models.generateContent({ model: 'gemini-2.5-flash', contents: 'hi' })).text).toBe('Hello')
  })

  test('2: wants its key, in the header or the address', async () => {
    await using running = await scriptedServer(['Hello'], { server: { keys: ['me=secret'] } })
    const ask = (apiKey: string) =>
      client(running.url, { apiKey }).models.generateContent({ model: 'scripted', contents: 'hi' })
    expect((await ask('secret')).text).toBe('Hello')
    await expect(ask('wrong')).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('API_KEY_INVALID'),
    })
    expect((await fetch(`${running.url}/v1beta/models?key=secret`)).status).toBe(200)
    const none = await fetch(`${running.url}/v1beta/models`)
    expect([none.status, await none.json()]).toMatchObject([403, { error: { status: 'PERMISSION_DENIED' } }])
  })

  test('3, 4, 5: streamed is what comes at once, in whole characters', async () => {
    await using running = await scriptedServer(['Héllo 😀 wörld<turn|>'])
    const ai = client(running.url)
    const whole = await ai.models.generateContent({ model: 'scripted', contents: 'hi' })
    const chunks = await gathered(await ai.models.generateContentStream({ model: 'scripted', contents: 'hi' }))
    expect(textOf(chunks)).toBe(whole.text)
    expect(whole.text).toBe('Héllo 😀 wörld')
    expect(JSON.stringify(chunks)).not.toContain('\ufffd')
    expect(chunks.at(-1)!.candidates![0]).toMatchObject({ finishReason: 'STOP', content: { parts: [{ text: '' }] } })
    expect(chunks.at(-1)!.usageMetadata!.totalTokenCount).toBe(whole.usageMetadata!.totalTokenCount)
  })

  test('6, 7: ends before stop sequences and at its most tokens', async () => {
    await using running = await scriptedServer(['one two three'])
    const ai = client(running.url)
    const ask = (config: object) => ai.models.generateContent({ model: 'scripted', contents: 'hi', config })
    expect((await ask({ stopSequences: ['o t'] })).text).toBe('one tw')
    const cut = await ask({ maxOutputTokens: 3 })
    expect([cut.text, cut.candidates![0].finishReason]).toEqual(['one', 'MAX_TOKENS'])
  })

  test('8: may be several, each with its index', async () => {
    await using running = await scriptedServer(['a<turn|>', 'b<turn|>'])
    const ai = client(running.url)
    const { candidates } = await ai.models.generateContent({
      model: 'scripted',
      contents: 'hi',
      config: { candidateCount: 2 },
    })
    expect(candidates!.map(({ index, content }) => [index, content!.parts![0].text])).toEqual([
      [0, 'a'],
      [1, 'b'],
    ])
  })

  test('10: comes with log-probabilities', async () => {
    await using running = await scriptedServer(['ab<turn|>'])
    const ai = client(running.url)
    const config = { responseLogprobs: true, logprobs: 3 }
    const { candidates } = await ai.models.generateContent({ model: 'scripted', contents: 'hi', config })
    expect(candidates![0].logprobsResult!.chosenCandidates!.map(({ token }) => token)).toEqual(['a', 'b'])
    expect(candidates![0].logprobsResult!.topCandidates![0].candidates).toHaveLength(3)
    expect(candidates![0].avgLogprobs).toBeCloseTo(-0.5)
  })

  test('31: of five streamed turns stays in the history of a chat', async () => {
    await using running = await scriptedServer(['an answer<turn|>'])
    const chat = client(running.url).chats.create({ model: 'scripted' })
    for (let i = 0; i < 5; i++) await gathered(await chat.sendMessageStream({ message: `question ${i}` }))
    const history = chat.getHistory(true)
    expect(history.filter(({ role }) => role === 'user')).toHaveLength(5)
    // the SDK keeps a streamed answer in pieces, and the model reads it as one
    const read = tokenizer.decode(running.engine.requests.at(-1)!.prompt.ids)
    expect(read.match(/<\|turn>model\nan answer<turn\|>\n/g)).toHaveLength(4)
  })

  test('40: is asked for with curl and snake_case, and streams as a list without alt=sse', async () => {
    await using running = await scriptedServer(['one two'])
    const body = JSON.stringify({
      contents: { parts: { text: 'hi' } },
      generation_config: { max_output_tokens: '3', top_k: null },
    })
    const answer = await fetch(`${running.url}/v1beta/models/scripted:streamGenerateContent?key=k`, {
      method: 'POST',
      body,
    })
    const list = (await answer.json()) as { candidates: { content: { parts: { text: string }[] } }[] }[]
    expect(list.map(({ candidates }) => candidates[0].content.parts[0].text).join('')).toBe('one')
  })
})

describe('calls and thoughts', () => {
  const tools = [
    {
      functionDeclarations: [
        { name: 'add', parametersJsonSchema: { type: 'object', properties: { a: { type: 'number' } } } },
      ],
    },
  ]

  test('12: a function is called, its id goes round, and the answer follows', async () => {
    await using running = await scriptedServer([
      '<|tool_call>call:add{"a":1}<tool_call|><|tool_call>call:add{"a":2}<tool_call|>',
      'three<turn|>',
    ])
    const ai = client(running.url)
    const config = { tools, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.AUTO } } }
    const first = await ai.models.generateContent({ model: 'scripted', contents: 'go', config })
    expect(first.functionCalls!.map(({ name, args }) => [name, args])).toEqual([
      ['add', { a: 1 }],
      ['add', { a: 2 }],
    ])
    const responses = first.functionCalls!.map(({ id, name }) => ({
      functionResponse: { id, name, response: { ok: true } },
    }))
    const second = await ai.models.generateContent({
      model: 'scripted',
      contents: [
        { role: 'user', parts: [{ text: 'go' }] },
        first.candidates![0].content!,
        { role: 'user', parts: responses },
      ],
      config,
    })
    expect(second.text).toBe('three')
  })

  test('12: callable tools are called by the SDK itself', async () => {
    await using running = await scriptedServer(['<|tool_call>call:add{"a":1}<tool_call|>', 'done<turn|>'])
    const called: unknown[] = []
    const tool = {
      tool: async () => ({ functionDeclarations: [{ name: 'add' }] }),
      callTool: async (calls: { name?: string; args?: unknown }[]) => {
        called.push(...calls.map(({ args }) => args))
        return calls.map(({ name }) => ({ functionResponse: { name, response: { sum: 2 } } }))
      },
    }
    const answer = await client(running.url).models.generateContent({
      model: 'scripted',
      contents: 'go',
      config: { tools: [tool] },
    })
    expect([answer.text, called]).toEqual(['done', [{ a: 1 }]])
  })

  test('13: thoughts are parts of their own, counted apart, and left out unless wanted', async () => {
    await using running = await scriptedServer(['hm<channel|>', 'yes<turn|>', 'hm<channel|>', 'yes<turn|>'])
    const ai = client(running.url)
    const ask = (includeThoughts: boolean) =>
      ai.models.generateContent({
        model: 'scripted',
        contents: 'q',
        config: { thinkingConfig: { includeThoughts, thinkingBudget: 50 } },
      })
    const told = await ask(true)
    expect(told.candidates![0].content!.parts).toMatchObject([
      { text: 'hm', thought: true },
      { text: 'yes', thoughtSignature: expect.any(String) },
    ])
    expect(told.usageMetadata).toMatchObject({ thoughtsTokenCount: 3, candidatesTokenCount: 3 })
    expect((await ask(false)).candidates![0].content!.parts).toHaveLength(1)
    const both = ai.models.generateContent({
      model: 'scripted',
      contents: 'q',
      config: { thinkingConfig: { thinkingBudget: 5, thinkingLevel: 'LOW' as never } },
    })
    await expect(both).rejects.toMatchObject({ status: 400 })
  })

  test('14: a signature brings hidden thoughts back', async () => {
    await using running = await scriptedServer([
      'secret plan<channel|>',
      '<|tool_call>call:add{"a":1}<tool_call|>',
      'ok<turn|>',
    ])
    const ai = client(running.url)
    const first = await ai.models.generateContent({
      model: 'scripted',
      contents: 'go',
      config: { tools, thinkingConfig: { thinkingBudget: 50 } },
    })
    const [part] = first.candidates![0].content!.parts!
    expect(part.thoughtSignature).toBeTruthy()
    expect(JSON.stringify(first)).not.toContain('secret')
    await ai.models.generateContent({
      model: 'scripted',
      config: { tools },
      contents: [
        { role: 'user', parts: [{ text: 'go' }] },
        first.candidates![0].content!,
        { role: 'user', parts: [{ functionResponse: { name: 'add', response: {} } }] },
      ],
    })
    expect(tokenizer.decode(running.engine.requests.at(-1)!.prompt.ids)).toContain('secret plan')
  })
})

describe('models, counts and vectors', () => {
  test('23: counting gives what the answer then reports', async () => {
    await using running = await scriptedServer(['x'])
    const ai = client(running.url)
    const { totalTokens } = await ai.models.countTokens({ model: 'scripted', contents: 'count this' })
    const answer = await ai.models.generateContent({ model: 'scripted', contents: 'count this' })
    expect(totalTokens).toBe(answer.usageMetadata!.promptTokenCount)
  })

  test('22: what was read before is counted as cached', async () => {
    await using running = await scriptedServer(['x'])
    const ai = client(running.url)
    const ask = () => ai.models.generateContent({ model: 'scripted', contents: 'the same long prompt' })
    expect((await ask()).usageMetadata!.cachedContentTokenCount).toBeUndefined()
    expect((await ask()).usageMetadata!.cachedContentTokenCount).toBeGreaterThan(10)
  })

  test('24: contents become vectors of the length asked for', async () => {
    await using running = await scriptedServer(['x'])
    const ai = client(running.url)
    const { embeddings } = await ai.models.embedContent({
      model: 'scripted',
      contents: ['a', 'b', 'cc'],
      config: { outputDimensionality: 4 },
    })
    expect(embeddings!.map(({ values }) => values!.length)).toEqual([4, 4, 4])
    for (const { values } of embeddings!) expect(Math.hypot(...values!)).toBeCloseTo(1)
  })

  test('25: models are listed, found, and not found', async () => {
    await using running = await scriptedServer(['x'])
    const ai = client(running.url)
    const names: (string | undefined)[] = []
    for await (const model of await ai.models.list({ config: { pageSize: 1 } })) names.push(model.name)
    expect(names).toEqual(['models/scripted'])
    expect((await ai.models.get({ model: 'scripted' })).supportedActions).toContain('generateContent')
    await expect(ai.models.get({ model: 'nobody' })).rejects.toMatchObject({ status: 404 })
    const tuned: unknown[] = []
    for await (const model of await ai.models.list({ config: { queryBase: false } })) tuned.push(model)
    expect(tuned).toEqual([])
  })
})

describe('files, caches and batches', () => {
  test('20: a file of 9 MiB comes in two pieces and is listed, read back and deleted', async () => {
    await using running = await scriptedServer(['x'])
    const ai = client(running.url)
    const bytes = new Uint8Array(9 * 2 ** 20).map((_, i) => i % 251)
    const file = await ai.files.upload({
      file: new Blob([bytes]),
      config: { mimeType: 'video/mp4', name: 'my-file', displayName: 'mine' },
    })
    expect(file).toMatchObject({
      name: 'files/my-file',
      displayName: 'mine',
      sizeBytes: String(bytes.length),
      state: 'ACTIVE',
    })
    const small = await ai.files.upload({ file: new Blob(['hello']), config: { mimeType: 'text/plain' } })
    expect((await ai.files.get({ name: small.uri! })).name).toBe(small.name)
    const names: (string | undefined)[] = []
    for await (const each of await ai.files.list({ config: { pageSize: 1 } })) names.push(each.name)
    expect(names.sort()).toEqual([small.name, 'files/my-file'].sort())
    const back = await fetch(`${running.url}/v1beta/files/my-file:download?alt=media`, {
      headers: { 'x-goog-api-key': 'k' },
    })
    expect(Buffer.compare(Buffer.from(await back.arrayBuffer()), Buffer.from(bytes))).toBe(0)
    await ai.files.delete({ name: 'files/my-file' })
    await expect(ai.files.get({ name: 'files/my-file' })).rejects.toMatchObject({ status: 404 })
    // 18: a file that is gone, and one that is there
    const ask = (fileUri: string) =>
      ai.models.generateContent({
        model: 'scripted',
        contents: [{ fileData: { fileUri, mimeType: 'text/plain' } }, { text: 'what?' }],
      })
    await expect(ask('https://generativelanguage.googleapis.com/v1beta/files/gone')).rejects.toMatchObject({
      status: 404,
    })
    expect((await ask(small.uri!)).text).toBe('x')
  })

  test('21: a cached content is kept, used, changed and dropped', async () => {
    await using running = await scriptedServer(['x'])
    const ai = client(running.url)
    const cache = await ai.caches.create({
      model: 'scripted',
      config: { contents: 'a long document', systemInstruction: 'be brief', ttl: '300s' },
    })
    expect(cache.usageMetadata!.totalTokenCount).toBeGreaterThan(20)
    const answer = await ai.models.generateContent({
      model: 'scripted',
      contents: 'q',
      config: { cachedContent: cache.name },
    })
    expect(answer.usageMetadata!.cachedContentTokenCount).toBeGreaterThanOrEqual(cache.usageMetadata!.totalTokenCount!)
    const twice = ai.models.generateContent({
      model: 'scripted',
      contents: 'q',
      config: { cachedContent: cache.name, systemInstruction: 'x' },
    })
    await expect(twice).rejects.toMatchObject({ status: 400 })
    const later = await ai.caches.update({ name: cache.name!, config: { ttl: '600s' } })
    expect(Date.parse(later.expireTime!)).toBeGreaterThan(Date.parse(cache.expireTime!))
    await ai.caches.delete({ name: cache.name! })
    await expect(ai.caches.get({ name: cache.name! })).rejects.toMatchObject({ status: 404 })
  })

  test('26: a batch is answered in the background, in line and from a file', async () => {
    await using running = await scriptedServer(['answer<turn|>'])
    const ai = client(running.url)
    const inline = await ai.batches.create({
      model: 'scripted',
      src: [{ contents: 'a', metadata: { key: '1' } }, { contents: 'b' }],
    })
    await expect.poll(async () => (await ai.batches.get({ name: inline.name! })).state).toBe('JOB_STATE_SUCCEEDED')
    const { dest } = await ai.batches.get({ name: inline.name! })
    expect(dest!.inlinedResponses!.map(({ response }) => response!.candidates![0].content!.parts![0].text)).toEqual([
      'answer',
      'answer',
    ])
    const lines = [
      '{"key":"x","request":{"contents":[{"parts":[{"text":"q"}]}]}}',
      '{"key":"y","request":{"contents":[]}}',
    ].join('\n')
    const file = await ai.files.upload({ file: new Blob([lines]), config: { mimeType: 'application/jsonl' } })
    const job = await ai.batches.create({ model: 'scripted', src: file.name! })
    await expect.poll(async () => (await ai.batches.get({ name: job.name! })).state).toBe('JOB_STATE_SUCCEEDED')
    const results = (await ai.batches.get({ name: job.name! })).dest!.fileName!
    const text = await (await fetch(`${running.url}/v1beta/${results}:download?alt=media&key=k`)).text()
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => Object.keys(JSON.parse(line) as object)),
    ).toEqual([
      ['key', 'response'],
      ['key', 'error'],
    ])
  })
})

describe('failures', () => {
  test('27: a limit answers 429 with a time, and a client that waits gets through', async () => {
    await using running = await scriptedServer(['x'], {
      server: { rates: { requestsPerMinute: 60 }, limits: { requests: 1 } },
      engine: { delay: 30 },
    })
    const ai = client(running.url)
    const ask = (config: object = {}) => ai.models.generateContent({ model: 'scripted', contents: 'q', config })
    const results = await Promise.allSettled([ask(), ask(), ask()])
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as ApiError] : []))
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0].status).toBe(429)
    expect(refused[0].message).toContain('RetryInfo')
    const patient = Promise.all([1, 2].map(() => ask({ httpOptions: { retryOptions: { attempts: 5 } } })))
    expect((await patient).map(({ text }) => text)).toEqual(['x', 'x'])
  })

  test('28: a model that dies answers 500, also in the middle of a stream, and the next request is served', async () => {
    const dying = { ids: says('par'), error: engineDeath() }
    await using running = await scriptedServer([dying, dying, 'fine<turn|>'])
    const ai = client(running.url)
    await expect(ai.models.generateContent({ model: 'scripted', contents: 'q' })).rejects.toMatchObject({ status: 500 })
    const stream = await ai.models.generateContentStream({ model: 'scripted', contents: 'q' })
    await expect(gathered(stream)).rejects.toMatchObject({ status: 500 })
    expect((await ai.models.generateContent({ model: 'scripted', contents: 'q' })).text).toBe('fine')
  })

  test('29: a client that aborts ends its answer, streamed or not', async () => {
    await using running = await scriptedServer(['x'.repeat(2000)], { engine: { delay: 5 } })
    const ai = client(running.url)
    for (const streamed of [true, false]) {
      const abort = new AbortController()
      const config = { abortSignal: abort.signal }
      const asked = streamed
        ? ai.models.generateContentStream({ model: 'scripted', contents: 'q', config }).then(gathered)
        : ai.models.generateContent({ model: 'scripted', contents: 'q', config })
      setTimeout(() => abort.abort(), 100)
      await expect(asked).rejects.toThrow()
    }
    await expect.poll(async () => (await running.engine.stats()).running).toBe(0)
    expect(running.engine.cancelled).toBe(2)
  })

  test('33: input that is too long is refused with both numbers', async () => {
    await using running = await scriptedServer(['x'], { engine: { contextTokens: 64 } })
    const asked = client(running.url).models.generateContent({ model: 'scripted', contents: 'long '.repeat(50) })
    await expect(asked).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('exceeds the maximum number of tokens allowed (64)'),
    })
  })

  test("34: a client's own time limit answers 504", async () => {
    await using running = await scriptedServer(['x'.repeat(500)], { engine: { delay: 20 } })
    const headers = { 'x-server-timeout': '1', 'x-goog-api-key': 'k' }
    const body = JSON.stringify({ contents: [{ parts: [{ text: 'q' }] }] })
    const answer = await fetch(`${running.url}/v1/models/scripted:generateContent`, { method: 'POST', headers, body })
    expect([answer.status, await answer.json()]).toMatchObject([504, { error: { status: 'DEADLINE_EXCEEDED' } }])
  })
})

describe('39: the AI SDK', () => {
  test('asks for text, streams and calls', async () => {
    await using running = await scriptedServer(['Hello<turn|>'])
    const google = createGoogleGenerativeAI({ baseURL: `${running.url}/v1beta`, apiKey: 'k' })
    expect((await generateText({ model: google('scripted'), prompt: 'hi' })).text).toBe('Hello')
    let text = ''
    for await (const piece of streamText({ model: google('scripted'), prompt: 'hi' }).textStream) text += piece
    expect(text).toBe('Hello')
  })
})
