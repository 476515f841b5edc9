// Mutated requests to every route of the Gemini API: whatever comes, the server answers with a status of its own choosing below
// 500 (or 501), in the protocol's shape, and goes on. POLLUX_FUZZ=10000 sends so many; POLLUX_FUZZ_SEED begins elsewhere.
import { expect, test } from 'vitest'
import { Rng } from '../../src/util/index.ts'
import { scriptedServer } from '../e2e/scriptedServer.ts'

const count = Number(process.env.POLLUX_FUZZ ?? 500)
const seed = Number(process.env.POLLUX_FUZZ_SEED ?? 1)

const text = { role: 'user', parts: [{ text: 'hi' }] }
const body = {
  contents: [
    text,
    { role: 'model', parts: [{ functionCall: { name: 'f', args: { a: 1 } }, thoughtSignature: 'c2ln' }] },
    {
      role: 'user',
      parts: [
        { functionResponse: { name: 'f', response: { b: [1] } } },
        { inlineData: { mimeType: 'image/png', data: 'aGk=' } },
        { fileData: { fileUri: 'files/abc' }, videoMetadata: { fps: 2, startOffset: '1s', endOffset: '3s' } },
      ],
    },
  ],
  systemInstruction: { parts: [{ text: 'sys' }] },
  tools: [
    {
      functionDeclarations: [
        {
          name: 'f',
          description: 'd',
          parameters: {
            type: 'OBJECT',
            properties: { a: { type: 'STRING', nullable: true, maxLength: '3' } },
            required: ['a'],
            propertyOrdering: ['a'],
          },
        },
      ],
    },
    { googleSearch: {} },
  ],
  toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] } },
  safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
  cachedContent: 'cachedContents/c1',
  generationConfig: {
    temperature: 0.5,
    topP: 0.9,
    topK: 40,
    candidateCount: 2,
    maxOutputTokens: 10,
    stopSequences: ['x'],
    responseLogprobs: true,
    logprobs: 3,
    seed: 1,
    responseMimeType: 'application/json',
    responseSchema: { type: 'OBJECT' },
    responseModalities: ['TEXT'],
    mediaResolution: 'MEDIA_RESOLUTION_LOW',
    thinkingConfig: { includeThoughts: true, thinkingBudget: 5 },
  },
}
const routes: [method: string, path: string, body?: unknown][] = [
  ...['generateContent', 'streamGenerateContent', 'countTokens'].flatMap((verb): [string, string, unknown][] => [
    ['POST', `/v1beta/models/scripted:${verb}`, body],
    ['POST', `/v1/models/scripted:${verb}?alt=sse`, { contents: [text] }],
  ]),
  ['POST', '/v1/models/scripted:batchEmbedContents', { requests: [{ content: text, outputDimensionality: 3 }] }],
  ['POST', '/v1/models/scripted:embedContent', { content: text }],
  [
    'POST',
    '/v1/models/scripted:batchGenerateContent',
    { batch: { inputConfig: { requests: { requests: [{ request: { contents: [text] }, metadata: { key: '1' } }] } } } },
  ],
  ['POST', '/v1beta/cachedContents', { model: 'models/scripted', contents: [text], ttl: '300s' }],
  ['PATCH', '/v1beta/cachedContents/c1', { ttl: '60s' }],
  ['POST', '/upload/v1/files?uploadType=media', { file: { mimeType: 'text/plain', name: 'files/x' } }],
  ['GET', '/v1beta/models?pageSize=1&pageToken=x'],
  ['GET', '/v1beta/files/abc:download?alt=media'],
  ['DELETE', '/v1beta/batches/x'],
  ['POST', '/v1beta/auth_tokens', { uses: 1 }],
]
const oddities: unknown[] = [
  null,
  '',
  'x',
  '\u0000\ud800',
  -1,
  0,
  1e308,
  2 ** 53,
  0.5,
  true,
  [],
  {},
  [[]],
  [null],
  { type: {} },
  { parts: null },
  '1s',
  'AAAA',
  'x'.repeat(5000),
  { __proto__: 1 },
  'UNSPECIFIED',
]

const pick = <T>(rng: Rng, items: readonly T[]): T => items[Math.floor(rng.uniform() * items.length)]

/** A copy with something replaced, dropped or doubled somewhere. */
function mutated(value: unknown, rng: Rng, depth = 0): unknown {
  if (rng.uniform() < 0.08 + 0.04 * depth) return pick(rng, oddities)
  if (Array.isArray(value)) {
    const items = value.map((item) => mutated(item, rng, depth + 1))
    return rng.uniform() < 0.1 ? [...items, ...items] : items
  }
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(() => rng.uniform() > 0.06)
  return Object.fromEntries(
    entries.map(([key, item]) => [rng.uniform() < 0.03 ? `${key}_` : key, mutated(item, rng, depth + 1)]),
  )
}

/** Now and then what is sent is no JSON at all. */
function sent(value: unknown, rng: Rng): string {
  const whole = JSON.stringify(value) ?? ''
  const draw = rng.uniform()
  if (draw < 0.05) return whole.slice(0, Math.floor(rng.uniform() * whole.length))
  if (draw < 0.08) return '['.repeat(2000)
  return draw < 0.1 ? `${whole}}` : whole
}

test(`${count} mutated requests are answered without a crash or a 500`, { timeout: 3_600_000 }, async () => {
  await using running = await scriptedServer(['a{"b":1}<|tool_call>call:f{"a":"x"}<tool_call|>'], {
    server: { limits: { bodyBytes: 2 ** 20 } },
  })
  const rng = new Rng(seed)
  const statuses = new Map<number, number>()
  for (let i = 0; i < count; i++) {
    const [method, path, template] = pick(rng, routes)
    const payload = template === undefined ? undefined : sent(mutated(template, rng), rng)
    const where = rng.uniform() < 0.05 ? path.replace(/[a-z]+$/, pick(rng, ['%', '%ff', '..', ':', 'x:y:z'])) : path
    const answer = await fetch(`${running.url}${where}`, { method, headers: { 'x-goog-api-key': 'k' }, body: payload })
    const content = await answer.text()
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    const told = `request ${i}: ${method} ${where} ${payload?.slice(0, 2000) ?? ''}\n${answer.status} ${content.slice(0, 500)}`
    expect(answer.status < 500 || answer.status === 501, told).toBe(true)
    expect(content.includes('"status":"INTERNAL"'), told).toBe(false)
    if (answer.status >= 400)
      expect((JSON.parse(content) as { error: { code: number } }).error.code, told).toBe(answer.status)
  }
  expect(statuses.get(200)).toBeGreaterThan(count / 50)
  expect((await fetch(`${running.url}/health`)).status).toBe(200)
  expect((await running.engine.stats()).running).toBe(0)
})
