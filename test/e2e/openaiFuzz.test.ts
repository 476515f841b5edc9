// Mutated requests to every route of the OpenAI API: each is answered, none with a fault of the server.
//
// POLLUX_FUZZ=10000 sends that many; POLLUX_FUZZ_SEED another series.
import { expect, it } from 'vitest'
import { Rng } from '../../src/util/index.ts'
import { scriptedServer } from './scriptedServer.ts'

const count = Number(process.env.POLLUX_FUZZ ?? 500)
const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const schema = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'], additionalProperties: false }
const fn = { name: 'f', description: 'd', parameters: schema, strict: true }
const model = 'scripted'

const bodies: [string, unknown][] = [
  [
    '/chat/completions',
    {
      model,
      messages: [
        { role: 'developer', content: 's' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'x' },
            { type: 'image_url', image_url: { url: pixel, detail: 'low' } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: '{"b":2}' },
      ],
      ...{ tools: [{ type: 'function', function: fn }], tool_choice: 'auto', parallel_tool_calls: true },
    },
  ],
  [
    '/chat/completions',
    {
      ...{
        model,
        messages: [{ role: 'user', content: 'x' }],
        n: 2,
        stream: true,
        stream_options: { include_usage: true },
      },
      ...{ logprobs: true, top_logprobs: 2, seed: 1, stop: ['x'], max_tokens: 5, logit_bias: { 3: 1 }, temperature: 1 },
      ...{ response_format: { type: 'json_schema', json_schema: { name: 's', schema } }, reasoning_effort: 'low' },
    },
  ],
  ['/completions', { model, prompt: ['a', 'b'], echo: true, logprobs: 1, max_tokens: 2, n: 1, stop: 'q', top_p: 0.5 }],
  ['/embeddings', { model, input: ['a', 'b'], dimensions: 2, encoding_format: 'base64' }],
  [
    '/responses',
    {
      model,
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'x' }] },
        { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: 'y' },
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 't' }], encrypted_content: 'e' },
      ],
      ...{ tools: [{ type: 'function', ...fn }], text: { format: { type: 'json_schema', name: 's', schema } } },
      ...{ stream: true, include: ['reasoning.encrypted_content'], reasoning: { effort: 'low', summary: 'auto' } },
    },
  ],
  ['/responses', { model, input: 'x', instructions: 'y', max_output_tokens: 3, store: false, metadata: { a: 'b' } }],
  ['/responses/input_tokens', { model, input: 'x' }],
  ['/batches', { input_file_id: 'file-x', endpoint: '/v1/responses', completion_window: '24h' }],
]

const strange: unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1,
    0.5,
    1e308,
    -1e308,
    2 ** 31,
    2 ** 53,
    '',
    'x',
    '\u0000',
    '\ud800',
    'constructor',
    '__proto__',
  ],
  ...[
    [],
    {},
    [[]],
    [null],
    [{}],
    { type: 'text' },
    { $ref: '#' },
    'data:image/png;base64,AAAA',
    'data:,',
    'http://localhost/',
  ],
  ...['x'.repeat(5000), Array.from({ length: 300 }, (_, i) => i), { a: { b: { c: { d: [] } } } }, '../../etc/passwd'],
]

const pick = <T>(rng: Rng, list: readonly T[]): T => list[Math.floor(rng.uniform() * list.length)]

/** Every object and list in a value. */
function holders(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return []
  return [value as Record<string, unknown>, ...Object.values(value).flatMap(holders)]
}

function mutate(body: unknown, rng: Rng): string {
  const copy = structuredClone(body)
  for (let i = 0; i <= Math.floor(rng.uniform() * 3); i++) {
    const holder = pick(rng, holders(copy))
    const keys = Object.keys(holder)
    const key = keys.length > 0 && rng.uniform() < 0.9 ? pick(rng, keys) : pick(rng, ['__proto__', 'x', 'type', 'n'])
    if (Array.isArray(holder) && !/^\d+$/.test(key)) continue
    if (rng.uniform() < 0.2) Reflect.deleteProperty(holder, key)
    else
      Object.defineProperty(holder, key, {
        value: structuredClone(pick(rng, strange)),
        enumerable: true,
        writable: true,
        configurable: true,
      })
  }
  let text = JSON.stringify(copy)
  if (rng.uniform() < 0.1) text = text.slice(0, Math.floor(rng.uniform() * text.length))
  if (rng.uniform() < 0.1) {
    const at = Math.floor(rng.uniform() * text.length)
    text =
      text.slice(0, at) + pick(rng, ['[', '{', '"', '\\', '\u00ff', '9'.repeat(400), '['.repeat(300)]) + text.slice(at)
  }
  return text
}

it(`${count} mutated requests are answered, none with a fault of the server`, { timeout: 1_800_000 }, async () => {
  const answers = ['Hi.', '{"a":1}', '<|tool_call>call:f{"a":1}<tool_call|>']
  await using server = await scriptedServer(answers, { server: { limits: { bodyBytes: 2 ** 20 } } })
  const rng = new Rng(Number(process.env.POLLUX_FUZZ_SEED ?? 1))
  const headers = { authorization: 'Bearer k', 'content-type': 'application/json' }
  const seen = new Map<number, number>()
  for (let i = 0; i < count; i++) {
    const [path, body] = pick(rng, bodies)
    const text = mutate(body, rng)
    const response = await fetch(`${server.url}/v1${path}`, { method: 'POST', headers, body: text })
    const answer = await response.text()
    seen.set(response.status, (seen.get(response.status) ?? 0) + 1)
    expect(response.status, `${path} ${text.slice(0, 2000)} -> ${answer}`).toBeLessThan(499)
    const isStream = response.headers.get('content-type') === 'text/event-stream'
    if (isStream) expect(answer, `${path} ${text.slice(0, 2000)}`).not.toContain('internal_error')
    else expect(response.ok || 'error' in (JSON.parse(answer) as object)).toBe(true)
  }
  // some must get through, or the mutations test nothing
  expect(seen.get(200)).toBeGreaterThan(count / 20)
  expect((await server.engine.stats()).running).toBe(0)
  expect((await fetch(`${server.url}/v1/models`, { headers })).status).toBe(200)
})
